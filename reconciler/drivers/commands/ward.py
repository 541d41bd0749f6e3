"""What a command started ends with it, whatever happens to us: a small process beside it waits for our end.

Run as a program (`ward.py TOKEN=VALUE`) it is that process: standard library only, because it starts with every
command. Its input says the number of the command's process group, and then a word when all is over; an input that is
closed without that word means that the reconciler was killed.
"""

import os
import signal
import subprocess
import sys
from types import TracebackType


class Ward:
    """Here from before the command starts until after its end."""

    def __init__(self, token: str) -> None:
        """`token` stands in the environment of the command, as NAME=VALUE. Raises OSError."""
        argv = (sys.executable, "-I", "-S", __file__, token)
        self._process = subprocess.Popen(argv, bufsize=0, stdin=subprocess.PIPE, start_new_session=True, env={})

    def __enter__(self) -> "Ward":
        return self

    def tell(self, text: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(text.encode())
        except BrokenPipeError:
            pass  # somebody ended it: then nobody guards, and nothing else changes

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.tell("\nover")
        self._process.communicate()


def _bearers(token: bytes) -> list[int]:
    """Who has the token in its environment; where there is no /proc, nobody is known."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc") if os.path.isdir("/proc") else ()):
        try:
            with open(f"/proc/{name}/environ", "rb") as file:
                if token in file.read().split(b"\0"):
                    found.append(int(name))
        except OSError:
            continue
    return found


def _guard(token: bytes) -> None:
    group = sys.stdin.buffer.readline().strip()
    if sys.stdin.buffer.read(1):
        return
    for end, number in ((os.killpg, int(group or 0)), *((os.kill, pid) for pid in _bearers(token))):
        try:
            if number:
                end(number, signal.SIGKILL)
        except OSError:
            continue


if __name__ == "__main__":
    _guard(sys.argv[1].encode())
