"""What the examples share: a folder in which commands are typed, shown, and tidied up after. Standard library only."""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

PERSON = {"NAME": "A. Person", "EMAIL": "person@example.invalid"}


class Terminal:
    """Commands typed in one folder. Each is shown with a `$` before its output, as in a terminal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        who = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in PERSON.items()}
        self._env = {**os.environ, **who, "GIT_CONFIG_GLOBAL": os.devnull, "NO_COLOR": "1"}

    def reconcile(self, *words: str, expect: int = 0) -> str:
        """Type `reconcile ...`; raises SystemExit when it ends with another code than expected."""
        return self._type("reconcile", [sys.executable, "-m", "reconciler"], words, expect)

    def git(self, *words: str) -> str:
        return self._type("git", ["git"], words, 0)

    def _type(self, name: str, program: list[str], words: tuple[str, ...], expect: int) -> str:
        print(f"\n$ {name} {' '.join(word if ' ' not in word else repr(word) for word in words)}", flush=True)
        done = subprocess.run(
            [*program, *words], cwd=self.folder, env=self._env, text=True, stdout=subprocess.PIPE, check=False
        )
        print(done.stdout, end="", flush=True)
        if expect:
            print(f"(exit code {done.returncode})")
        if done.returncode != expect:
            raise SystemExit(f"`{name} {' '.join(words)}` ended with {done.returncode}, expected {expect}")
        return done.stdout

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace one piece of text in a file, as a person would in an editor."""
        path = self.folder / file
        text = path.read_text("utf-8")
        if old not in text:
            raise SystemExit(f"{path}: there is no {old!r} to be replaced")
        path.write_text(text.replace(old, new), encoding="utf-8")
        print(f"\n# edited {file}")
        for sign, piece in (("-", old), ("+", new)):
            print("".join(f"{sign} {line}\n" for line in piece.splitlines()), end="")

    def say(self, text: str) -> None:
        print(f"\n# {text}")


@contextlib.contextmanager
def terminal(environment: str) -> Iterator[tuple[Terminal, int]]:
    """A folder of its own and a free port; at the end everything that was started is stopped, whatever happened."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, help="where (default: a new temporary folder)")
    parser.add_argument("--port", type=int, help="where users come in, of three in a row (default: free ones)")
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix=f"reconcile-{environment}-"))
    folder.mkdir(parents=True, exist_ok=True)
    term = Terminal(folder.absolute())
    try:
        yield term, given.port or free_port()
    finally:
        if (folder / "state").exists():
            term.say("stop everything that was started; `reconcile resume` would bring it back")
            term.reconcile("down", environment, "--yes")
            term.reconcile("--once", "--apply")


def free_port() -> int:
    """A port with two free ones above it, below those that systems hand out to clients."""
    for port in random.sample(range(21000, 29000, 7), 300):  # two examples at once would else take the same
        with contextlib.ExitStack() as probes, contextlib.suppress(OSError):
            for more in range(3):
                probes.enter_context(contextlib.closing(socket.socket())).bind(("127.0.0.1", port + more))
            return port
    raise SystemExit("no free ports between 21000 and 29000 on 127.0.0.1")


def ask(url: str, cookie: str = "") -> tuple[int, str, str]:
    """One request on a connection of its own: status, text, and the cookie that the answer sets."""
    request = urllib.request.Request(url, headers={"Cookie": cookie} if cookie else {})
    with contextlib.ExitStack() as stack:
        try:
            answer = stack.enter_context(urllib.request.urlopen(request, timeout=5))
        except urllib.error.HTTPError as error:
            answer = stack.enter_context(error)
        given = (answer.headers.get("Set-Cookie") or "").partition(";")[0]
        return int(answer.status), answer.read().decode(errors="replace").strip(), given


def count(url: str, times: int = 20) -> Counter[str]:
    """Ask again and again; how often which answer came. Shown as well."""
    found: Counter[str] = Counter()
    for _ in range(times):
        status, text, _ = ask(url)
        found[text if status == 200 else f"status {status}"] += 1
    print(f"\n# {times} requests to {url}")
    for text, number in found.most_common():
        print(f"{number:>4} x {text}")
    return found
