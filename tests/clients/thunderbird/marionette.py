"""Thunderbird, started without a screen and driven by Marionette, its own remote control."""

from __future__ import annotations

import json
import pathlib
import socket
import subprocess
import time

PREFERENCES = {
    "app.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "mail.provider.suppress_dialog_on_startup": True,
    "network.captive-portal-service.enabled": False,
    "signon.rememberSignons": True,
}
# Marionette's scripts are not async functions; this makes one of a text, and hands back its end.
SCRIPT = """
const [text, values, done] = arguments;
const module = (name) => ChromeUtils.importESModule(`resource:///modules/${name}.sys.mjs`)[name];
const script = Object.getPrototypeOf(async () => {}).constructor("module", "args", text);
script(module, values).then(
    (value) => done({ value }),
    (error) => done({ error: `${error}\\n${error.stack}` }),
);
"""


class Thunderbird:
    """Thunderbird with a fresh profile in *folder*; use it as a context manager."""

    def __init__(self, folder: pathlib.Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        preferences = PREFERENCES | {"marionette.port": port}
        lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in preferences.items()]
        (folder / "user.js").write_text("\n".join(lines))
        self.log = (folder / "log").open("wb")
        options = ["--headless", "--no-remote", "--marionette", "--remote-allow-system-access"]
        self.process = subprocess.Popen(
            # The program itself: the script in front of it would not pass on a signal.
            ["/usr/lib/thunderbird/thunderbird", *options, "--profile", str(folder)],
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        self.socket = self.connect(port)
        self.answers = self.socket.makefile("rb")
        self.receive()
        self.commands = 0
        self.command("WebDriver:NewSession")
        self.command("Marionette:SetContext", value="chrome")
        self.command("WebDriver:SetTimeouts", script=120_000)

    def __enter__(self) -> Thunderbird:
        return self

    def __exit__(self, *exception: object) -> None:
        self.socket.close()
        self.process.terminate()
        self.process.wait(30)
        self.log.close()

    def connect(self, port: int) -> socket.socket:
        deadline = time.monotonic() + 60
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=180)
            except ConnectionRefusedError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.1)

    def receive(self) -> list:
        length = b""
        while (byte := self.answers.read(1)) not in (b":", b""):
            length += byte
        return json.loads(self.answers.read(int(length)))

    def command(self, name: str, **parameters: object) -> dict:
        self.commands += 1
        message = json.dumps([0, self.commands, name, parameters]).encode()
        self.socket.sendall(str(len(message)).encode() + b":" + message)
        [_, _, error, result] = self.receive()
        assert not error, error
        return result

    def run(self, script: str, *args: object) -> object:
        """What the body of an async function returns; it sees `args` and `module(name)`."""
        answer = self.command(
            "WebDriver:ExecuteAsyncScript", script=SCRIPT, args=[script, list(args)]
        )["value"]
        assert "error" not in answer, answer["error"]
        return answer.get("value")
