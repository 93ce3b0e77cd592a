"""An honest client is served while others try to prevent it."""

import base64
import subprocess
import sys
import time
from pathlib import Path

import pytest
from wire import Client

HERE = Path(__file__).parent

SERVER = """
import sys
from pathlib import Path
from pycarddav.auth.accounts import add_user
from pycarddav.auth.gate import Gate
from pycarddav.auth.htpasswd import Htpasswd
from pycarddav.dav.errors import Error, Unauthorized
from pycarddav.protocol.context import Limits
from pycarddav.protocol.messages import Response
from pycarddav.serve.sockets import listen
from pycarddav.serve.waitress import Server
from pycarddav.serve.wsgi import Application

file = Path(sys.argv[1])
add_user(file, "alice", "secret")
authenticate = Gate([Htpasswd(file)])

def serve(request):
    if request.path == "/large":
        return Response(200, {}, LARGE)
    try:
        return Response(200 if authenticate(request) else 401)
    except Error as error:
        return Response(error.status, error.headers())

LARGE = b"x" * 2_000_000
server = Server(Application(serve), listen("127.0.0.1", 0), Limits())
print(server.address[1], flush=True)
server.run()
"""


@pytest.mark.slow
def test_an_honest_client_is_served_among_hostile_ones(tmp_path):
    authorization = "Basic " + base64.b64encode(b"alice:secret").decode()
    head = f"GET / HTTP/1.1\r\nAuthorization: {authorization}"
    command = [sys.executable, "-c", SERVER, str(tmp_path / "htpasswd")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        port = int(server.stdout.readline())
        with Client(("127.0.0.1", port)) as client:
            assert client.ask(head)[0] == 200
        hostile = subprocess.Popen([sys.executable, HERE / "hostile.py", "127.0.0.1", str(port)])
        try:
            time.sleep(1)
            seconds = sorted(one_request(port, head) for _ in range(500))
        finally:
            hostile.kill()
            hostile.wait()
            server.terminate()
    median, p99 = seconds[250], seconds[495]
    print(f"median {median * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms")


def one_request(port, head):
    """Seconds that a new connection and one request take."""
    time.sleep(0.01)
    start = time.perf_counter()
    with Client(("127.0.0.1", port)) as client:
        assert client.ask(head)[0] == 200
    return time.perf_counter() - start
