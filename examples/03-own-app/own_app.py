"""An app of one's own, by hand: three files, no scaffold. The repository holds only what may be committed."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from terminal import Terminal, count, terminal

HERE = Path(__file__).parent
MANIFEST = "environments-repo/environments/shop.yaml"


def main() -> None:
    with terminal("shop") as (here, port):
        lay_out(here, port)
        repository = Terminal(here.folder / "environments-repo")
        commit(repository, "The shop")
        here.reconcile("validate")
        here.reconcile("--once", "--apply")
        count(f"http://127.0.0.1:{port}/")

        here.edit(MANIFEST, "activeSlot: blue", "activeSlot: green")
        commit(repository, "Switch to 2.0.0")
        here.reconcile("--once", "--apply")
        count(f"http://127.0.0.1:{port}/")


def lay_out(here: Terminal, port: int) -> None:
    """Two release folders, the operator's file, and a repository with one manifest."""
    for version in ("1.0.0", "2.0.0"):
        (here.folder / "releases" / version).mkdir(parents=True)
        shutil.copy(HERE / "app.py", here.folder / "releases" / version)
    (here.folder / MANIFEST).parent.mkdir(parents=True)
    shutil.copy(HERE / "shop.yaml", here.folder / MANIFEST)
    shutil.copy(HERE / "reconciler.toml.example", here.folder / "reconciler.toml")
    here.edit(MANIFEST, "8080", str(port))
    here.edit("reconciler.toml", "8081", str(port + 1))
    here.edit("reconciler.toml", "8082", str(port + 2))
    Terminal(here.folder / "environments-repo").git("init", "--quiet", "--initial-branch", "main")


def commit(repository: Terminal, message: str) -> None:
    repository.git("add", ".")
    repository.git("commit", "--quiet", "-m", message)


if __name__ == "__main__":
    main()
