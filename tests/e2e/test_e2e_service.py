"""The loop as a service of a real systemd: whatever becomes of the loop, users are served all the time."""

from __future__ import annotations

import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from e2e_playground import PATIENCE
from e2e_systemd import Manager, missing

from reconciler.demo.place import free_ports
from reconciler.drivers.envoy.process import program

pytestmark = pytest.mark.real


class Users:
    """Ask all the time, and count what went wrong."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/"
        self.asked, self.failed = 0, list[str]()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def _ask(self) -> None:
        while not self._stop.wait(0.02):
            self.asked += 1
            try:
                with urllib.request.urlopen(self.url, timeout=5) as answer:
                    answer.read()
            except OSError as error:
                self.failed.append(str(error))

    def __enter__(self) -> Users:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


class Site:
    """What `init` writes, in the home of an account, with its service."""

    def __init__(self, manager: Manager, port: int) -> None:
        self.manager, self.port, self.folder = manager, port, manager.home / "site"
        beside = manager.home / ".config/systemd/user/reconciler.service.d"  # this tree, not the one that is installed
        beside.mkdir(parents=True)
        (beside / "tree.conf").write_text(f"[Service]\nEnvironment=PYTHONPATH={manager.environ['PYTHONPATH']}\n")
        manager.home.mkdir(exist_ok=True)
        assert self._done(*self._words("init", str(self.folder), "--port", str(port)), folder=manager.home)
        assert self._done("git", "add", ".")
        assert self._done("git", "commit", "--quiet", "-m", "x")

    def _words(self, *words: str) -> tuple[str, ...]:
        return (sys.executable, "-m", "reconciler", *words)

    def _done(self, *words: str, folder: Path | None = None) -> bool:
        return self.manager.type(*words, folder=folder or self.folder).returncode == 0

    def reconcile(self, *words: str) -> str:
        done = self.manager.type(*self._words(*words), folder=self.folder)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def serves(self) -> bool:
        return self._done(*self._words("status"))

    def main(self) -> str:
        return self.manager.ctl("show", "-P", "MainPID", "reconciler").stdout.strip()

    def state(self) -> str:
        return self.manager.ctl("show", "-P", "ActiveState", "reconciler").stdout.strip()

    def others(self) -> set[str]:
        """Gateway and members, by their numbers, as the manager's namespace counts."""
        found = self.manager.type("sh", "-c", "pgrep -f 'bootstrap[.]json|app[.]py'").stdout.split()
        return set(found)


def until(found: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not found():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        threading.Event().wait(0.1)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    if why := missing():
        pytest.skip(why)
    program()
    manager = Manager(tmp_path / "home")
    try:
        if not manager.begun():
            pytest.skip("systemd does not start in namespaces here")
        yield Site(manager, free_ports(1)[0])
    finally:
        manager.close()


def test_users_are_served_whatever_becomes_of_the_loop(site: Site) -> None:
    said = site.reconcile("service", "install", "--user", "--yes")
    assert "KillMode=process" in said
    assert (site.manager.home / "lingering").read_text() == "enable-linger root\n"
    assert site.state() == "active", "install returns once the loop looks"
    until(site.serves, "an environment that serves")
    others = site.others()
    assert len(others) >= 3, "a gateway and two members"
    with Users(site.port) as users:
        site.manager.ctl("stop", "reconciler")
        assert site.state() == "inactive"
        site.manager.ctl("start", "reconciler")
        first = site.main()
        site.manager.ctl("restart", "reconciler")
        assert site.main() != first
        assert "the loop has ended" in site.reconcile("service", "stop")
        until(lambda: site.state() == "inactive", "the unit to be told ended")
        site.manager.ctl("start", "reconciler")
        site.manager.type("kill", "-KILL", killed := site.main())
        until(lambda: site.state() == "active" and site.main() not in ("0", killed), "a loop that is begun again")
        until(site.serves, "an environment in order")
        assert "works on this journal" in site.reconcile("service", "status", "--user")
        site.reconcile("service", "uninstall", "--user", "--yes")
        assert site.others() == others, "the very same processes, all the time"
        before = users.asked
        until(lambda: users.asked > before, "one more request")
    assert users.failed == []
    assert users.asked > 50


def test_a_start_that_fails_is_told_by_install(site: Site) -> None:
    site.reconcile("service", "install", "--user", "--yes")
    site.reconcile("service", "stop")
    with (site.folder / "reconciler.toml").open("a") as file:
        file.write("nonsense = 1\n")
    done = site.manager.ctl("start", "reconciler")
    assert done.returncode != 0, "a loop that cannot begin is no service that was started"
