"""docs/windows.md, from a bare IIS to a first switch: its files and its commands, as they stand there, on the simulated
Windows. What an administrator types on a Windows server is not run: that has been done there already."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from e2e_playground import free_ports
from e2e_windows_house import House, WindowsGround, house
from wsman_logon import PASSWORD

from reconciler.core.model import Release, Slot

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

PAGE = (Path(__file__).parents[2] / "docs" / "windows.md").read_text(encoding="utf-8")
WALK = PAGE.partition("## From a bare IIS")[2].partition("\n## ")[0]
NAME = "production"
HOSTS = re.compile(r"http://(web1|gw1)\.corp\.example:5985")


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", WALK, re.DOTALL)
    return str(found)


def commands() -> list[str]:
    """Every `reconcile ...` of the page's blocks, in its order."""
    typed = [line for text in re.findall(r"```sh\n(.*?)```", WALK, re.DOTALL) for line in text.splitlines()]
    return [line.removeprefix("reconcile ") for line in typed if line.startswith("reconcile ")]


def laid_out(ground: WindowsGround, built: House) -> None:
    """The page's two files, on this machine's ports, and in less time; releases where it says."""
    ports = iter(free_ports(6))
    text = re.sub(r"\b90\d\d\b", lambda _: str(next(ports)), HOSTS.sub(built.rig.address, block("toml")))
    text = text.replace("http://portal.corp.example", f"http://127.0.0.1:{ground.place.port}")
    ground.place.config.write_text(text.replace("*.corp.example", "127.0.0.1"))
    (ground.root / "reconcile.password").write_text(PASSWORD + "\n")
    (ground.root / "reconcile.password").chmod(0o600)
    (ground.disk / "D" / "releases").unlink()
    for version in ("1.0.0", "1.1.0"):
        for part, file in (("portal", "web.config"), ("api", "web.config"), ("worker", "worker.exe")):
            folder = ground.disk / "D" / "releases" / part / version
            folder.mkdir(parents=True)
            (folder / file).write_text("")
    ground.place.git("rm", "--quiet", "environments/demo.yaml")
    manifest = block("yaml").replace("10s", "1s").replace("30s", "1s")
    ground.commit_file(f"environments/{NAME}.yaml", manifest)


def failed(ground: WindowsGround) -> list[tuple[str, str]]:
    told = json.loads(ground.reconcile("doctor", NAME, "--output", "json").stdout)["findings"]
    return [(one["what"], one["found"]) for one in told if one["grade"] == "failed"]


def test_the_page_leads_from_a_bare_iis_to_a_first_switch(tmp_path: Path) -> None:
    ground = WindowsGround(tmp_path / "p")
    try:
        with house(ground) as built:
            laid_out(ground, built)
            validate, doctor, gateway, check, once, run, status, switch, watch = commands()
            assert ground.reconcile(*validate.split()).returncode == 0
            assert doctor == f"doctor {NAME}"
            assert [what for what, _ in failed(ground)] == ["arr", "farms"]

            printed = ground.reconcile(*gateway.partition(" > ")[0].split())
            built.arr.set_up(printed.stdout)
            checked = ground.reconcile(*check.split())
            assert (checked.returncode, checked.stdout) == (0, f"{NAME}: gw1 has it\n")
            assert failed(ground) == []

            assert "comes to rest on InSync" in " ".join(ground.reconcile(once).stdout.split())
            assert run == "run"
            ground.run()
            ground.until(lambda state: state.warm.green == "1.1.0", NAME)
            assert "blue@1.0.0" in ground.reconcile(*status.split()).stdout
            assert ground.reconcile(*switch.split(), "--yes").returncode == 0
            ground.until_stable("green", "1.1.0", NAME)
            assert watch == f"status {NAME} --watch"
            assert ground.state(NAME).stable == Release(Slot.GREEN, "1.1.0")
    finally:
        ground.tear_down()
