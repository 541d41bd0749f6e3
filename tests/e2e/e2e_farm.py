"""An IIS with ARR as a playground's gateway: a simulated machine, through real WS-Man, with real users through it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from e2e_manifest import manifest
from e2e_playground import Playground

from reconciler.demo.place import ENVIRONMENT

sys.path += [str(Path(__file__).parents[1] / "windows")]
import wsman_logon
from windows_arr import Arr
from windows_machine import Windows
from windows_traffic import serving
from wsman_server import listening

TABLES = """
[machines.arr1]
address = "{address}"
user = 'CORP\\reconcile'
password_file = "{password}"

[farms.portal]
machine = "arr1"
users = "http://127.0.0.1:{port}"
site = "Portal"
pool = "Portal"
"""


class Ground:
    """`commit` and `serving` as a playground's own, with a gateway `iis-arr`."""

    def __init__(self, playground: Playground, arr: Arr) -> None:
        self.playground, self.arr = playground, arr

    def commit(self, active: str, blue: str, green: str, **wishes: Any) -> str:
        port = self.playground.place.port
        text = manifest(ENVIRONMENT, active, blue, green, port, gateway="iis-arr", **wishes)
        text = text.replace(f'listen: "127.0.0.1:{port}"', "farm: portal")
        return self.playground.commit_file(f"environments/{ENVIRONMENT}.yaml", text)

    def serving(self, blue: str = "1.0.0", green: str = "1.1.0", **wishes: Any) -> None:
        self.commit("blue", blue, green, **wishes)
        printed = self.playground.reconcile("gateway", ENVIRONMENT)
        assert printed.returncode == 0, printed.stderr
        self.arr.set_up(printed.stdout)
        self.playground.run()
        self.playground.until(lambda state: state.warm.green == green)


@contextmanager
def farm(playground: Playground) -> Iterator[Ground]:
    wsman_logon.users(playground.root / "ntlm-users")
    password = playground.root / "password"
    password.write_text(wsman_logon.PASSWORD)
    windows, playground.logged = Windows(clock=""), False
    arr = Arr(windows)
    with serving(arr, playground.place.port), listening("ntlm", windows=windows) as rig:
        said = {"address": rig.address, "password": password, "port": playground.place.port}
        with playground.place.config.open("a", encoding="utf-8") as file:
            file.write(TABLES.format(**said))
        yield Ground(playground, arr)
        for run in playground.runs:
            if run.poll() is None:
                playground.stop_run()
