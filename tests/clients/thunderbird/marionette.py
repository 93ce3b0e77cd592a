"""Thunderbird, started without a screen and driven by Marionette, its own remote control."""

from __future__ import annotations

import json
import pathlib
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from harness import connect, free_port

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


@contextmanager
def started(profile: pathlib.Path) -> Iterator[Thunderbird]:
    """Thunderbird as it is on its first day, with its profile in an empty folder."""
    port = free_port()
    preferences = PREFERENCES | {"marionette.port": port}
    lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in preferences.items()]
    (profile / "user.js").write_text("\n".join(lines))
    options = ["--headless", "--no-remote", "--marionette", "--remote-allow-system-access"]
    with (profile / "log").open("wb") as log:
        process = subprocess.Popen(
            # The program itself: the script in front of it would not pass on a signal.
            ["/usr/lib/thunderbird/thunderbird", *options, "--profile", str(profile)],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        with connect(port, process) as connection:
            yield Thunderbird(connection)
    finally:
        process.terminate()
        process.wait(30)


class Thunderbird:
    """A Marionette session in which scripts may do what Thunderbird's own code may."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.answers = connection.makefile("rb")
        self.commands = 0
        self.receive()
        self.command("WebDriver:NewSession")
        self.command("Marionette:SetContext", value="chrome")
        self.command("WebDriver:SetTimeouts", script=120_000)

    def receive(self) -> list[Any]:
        length = b""
        while (byte := self.answers.read(1)) not in (b":", b""):
            length += byte
        return json.loads(self.answers.read(int(length)))

    def command(self, name: str, **parameters: object) -> dict[str, Any]:
        self.commands += 1
        message = json.dumps([0, self.commands, name, parameters]).encode()
        self.connection.sendall(str(len(message)).encode() + b":" + message)
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
