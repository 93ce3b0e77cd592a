"""Commands in processes of their own, with a terminal and without."""

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios


def python(*words, **environment):
    return subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | environment,
    )


def on_a_terminal(words, *answers):
    """Run a command on a terminal of its own, with an answer to each question it asks."""
    terminal, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    command = [sys.executable, "-m", "pycarddav", *words]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    said = b""
    for question, answer in enumerate(answers, 1):
        while len(re.findall(rb": |\[y/N\] ", said)) < question:
            said += os.read(terminal, 1000)
        os.write(terminal, f"{answer}\n".encode())
    with contextlib.suppress(OSError):  # how a terminal ends
        while more := os.read(terminal, 1000):
            said += more
    os.close(terminal)
    return process.wait(), said.decode()
