"""The frame and a product's part, put together with what is known of one gateway."""

from __future__ import annotations

import platform
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.core.model import Admission, Pair, Routing, Slot, all_on
from reconciler.drivers.protocols import ByHand, GatewayContext

FRAME = Path(__file__).with_name("rollback.sh"), Path(__file__).with_name("rollback.ps1")
REQUIRES = "#Requires -Version 7"
VALUES, PRODUCT, ROUTES = "#@ values", "#@ product", "#@ routes"
SPECIAL = re.compile(r"([\\$`])")  # in a here-document of the shell that is expanded


def written(product: Path, values: Mapping[str, str], routes: str = "", powershell: str = "7") -> ByHand:
    """`product`: the folder of its parts. `values` by the names of shell variables. `routes`: a text in which
    `$VERSION` and `$SECRET` stand for what is found when the script is run. `powershell`: the version that its part
    needs; the frame is content with 5.1."""
    in_shell = SPECIAL.sub(r"\\\1", routes)
    for name in ("VERSION", "SECRET"):
        in_shell = in_shell.replace(f"\\${name}", f"${{{name}}}")
    sh = _put(FRAME[0], product / "by_hand.sh", _shell(values), in_shell)
    ps1 = _put(FRAME[1], product / "by_hand.ps1", _powershell(values), routes)
    return ByHand(sh, ps1.replace(REQUIRES, f"#Requires -Version {powershell}", 1))


def back(slot: Slot) -> Routing:
    """As a rollback leaves it: in one write, and no cookie or fallback leads to the other slot."""
    return Routing(all_on(slot), Pair(Admission.OPEN, Admission.OPEN).replace(slot.other, Admission.CLOSED))


@dataclass(frozen=True, slots=True)
class Words:
    """What a script says beside what it does: what it is for, what it leaves undone, how members are started."""

    title: str = ""
    undone: Sequence[str] = ()
    starts: Sequence[str] = ()


def known(context: GatewayContext, slot: Slot, words: Words) -> dict[str, str]:
    """What every script needs."""
    members = (f"{endpoint.member} {endpoint.address[slot]}" for endpoint in context.endpoints)
    return {
        "MACHINE": platform.node(),
        "ENVIRONMENT": context.environment,
        "TITLE": words.title or f"All traffic of {context.environment} to {slot}.",
        "TO": str(slot),
        "THEN": f"{slot} 100 %, {slot.other} 0 % (nobody is led there any more)",
        "MEMBERS": "\n".join(members),
        "READY": context.ready_path,
        "UNDONE": "\n".join(f"- {line}" for line in words.undone),
        "STARTS": "\n".join(f"- {line}" for line in words.starts),
        "PYTHON": sys.executable,
    }


def in_background(argv: Sequence[str], log: Path) -> str:
    """What a person types to start a program that outlives the terminal; empty for none."""
    return f"setsid {shlex.join(argv)} >>{shlex.quote(str(log))} 2>&1 </dev/null &" if argv else ""


def _put(frame: Path, product: Path, values: str, routes: str) -> str:
    part = product.read_text(encoding="utf-8").strip()
    text = frame.read_text(encoding="utf-8").replace(VALUES, values).replace(PRODUCT, part)
    return text.replace(ROUTES, routes)


def _shell(values: Mapping[str, str]) -> str:
    return "\n".join(f"{name}={shlex.quote(value)}" for name, value in values.items())


def _powershell(values: Mapping[str, str]) -> str:
    """`ADMIN_FILE` is `$AdminFile` there."""
    quoted = ((name.title().replace("_", ""), value.replace("'", "''")) for name, value in values.items())
    return "\n".join(f"${name} = '{value}'" for name, value in quoted)
