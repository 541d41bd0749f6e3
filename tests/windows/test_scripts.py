"""Every script of ours that runs on a Windows machine is what Windows PowerShell 5.1 reads, and what we promise of it.

No PowerShell can be had where the tests run, so this is about the text. Scripts of PowerShell 7, for people, are not
run through WinRM: they are elsewhere (`by_hand`)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from windows_syntax import ancestors, misfit, of, parameters, said, tree

import reconciler.drivers
from reconciler.drivers.windows import frame
from reconciler.drivers.windows.script import load

DRIVERS = Path(reconciler.drivers.__file__).parent
ALL = [file for file in sorted(DRIVERS.rglob("*.ps1")) if not re.search(r"^#Requires -Version 7", file.read_text())]
ALL = [file for file in ALL if not file.name.startswith("by_hand")]
SCRIPTS = [file for file in ALL if file.name != "run.ps1"]
IDS = [file.name for file in SCRIPTS]
BUILT = {"invoke-expression", "iex", "invoke-command", "start-process", "cmd", "powershell", "add-type"}


def test_there_are_scripts() -> None:
    assert "ping.ps1" in IDS


@pytest.mark.parametrize("file", ALL, ids=[file.name for file in ALL])
def test_it_can_be_read_by_windows_powershell(file: Path) -> None:
    """What came after 5.1 is an error in this grammar (`??`), or is looked for (`&&`, `? :`)."""
    text = file.read_bytes()
    assert text.isascii(), file
    assert b"\r" not in text
    assert b"\t" not in text
    root = tree(text.decode())
    assert not root.has_error, [said(node) for node in of(root, "ERROR")]
    assert not list(of(root, "ternary_expression"))
    assert not list(of(root, "pipeline_chain_tail", "&&", "||"))
    without = re.sub(r"'[^']*'|\"[^\"]*\"|#.*", "", text.decode())
    assert not re.search(r"&&|\|\||\?\?|\?\.|\s\?\s[^{]", without), file


@pytest.mark.parametrize("file", ALL, ids=[file.name for file in ALL])
def test_no_text_becomes_code(file: Path) -> None:
    root = tree(file.read_text("ascii"))
    named = {said(node).lower() for node in of(root, "command_name")}
    assert named & BUILT == set()
    created = re.findall(r"\[scriptblock\]::Create|ExpandString|\.Invoke\(", file.read_text("ascii"), re.IGNORECASE)
    assert created == ([] if file.name != "run.ps1" else ["[scriptblock]::Create"])


@pytest.mark.parametrize("file", SCRIPTS, ids=IDS)
def test_its_head_says_what_it_is_for_and_whether_it_may_be_repeated(file: Path) -> None:
    lines = file.read_text("ascii").splitlines()
    assert re.fullmatch(r"# [A-Z].{20,}", lines[0])
    assert load(file).repeatable is ("# safe to repeat: yes" in lines)


@pytest.mark.parametrize("file", SCRIPTS, ids=IDS)
def test_its_arguments_have_types_and_a_wrong_name_is_refused(file: Path) -> None:
    text = file.read_text("ascii")
    assert re.search(r"^\[CmdletBinding\(\)\]\nparam\(", text, re.MULTILINE)
    assert all(one.type for one in parameters(text).values()), parameters(text)


@pytest.mark.parametrize("file", SCRIPTS, ids=IDS)
def test_its_no_is_a_sentence_of_its_own_and_it_never_ends_the_process(file: Path) -> None:
    """`throw $_` would make an error look like a no."""
    for node in of(tree(file.read_text("ascii")), "flow_control_statement"):
        word, _, rest = said(node).partition(" ")
        assert word.lower() != "exit"
        if word.lower() == "throw":
            assert re.match(r"""(['"(]|$)""", rest), said(node)


LATER = re.compile(r"\b(wait|try again|meanwhile|just now)\b", re.IGNORECASE)


@pytest.mark.parametrize("file", SCRIPTS, ids=IDS)
def test_a_no_is_for_good(file: Path) -> None:
    """A switch goes back for it. What is only not now is an error of the category ResourceBusy."""
    for node in of(tree(file.read_text("ascii")), "flow_control_statement"):
        assert not LATER.search(said(node)), said(node)


ASKED = {"state", "sites", "applicationpools", "workerprocesses"}


def swallowed(text: str) -> list[str]:
    """PowerShell reads a property that throws as $null, whatever it was told of errors; of a method it is an error. So
    what asks WAS, or reads the files of IIS, is called as a method: `get_State()`."""
    if "Microsoft.Web.Administration" not in text:
        return []
    accesses = of(tree(text), "member_access")
    return [said(one) for one in accesses if said(one.children[-1]).lower() in ASKED]


@pytest.mark.parametrize("file", SCRIPTS, ids=IDS)
def test_what_iis_is_asked_for_is_not_silently_nothing(file: Path) -> None:
    assert swallowed(file.read_text("ascii")) == []


@pytest.mark.parametrize(
    "wrong", ["$pool.State", "$m.Sites[$Site]", "[string]$one.State", "$m.applicationPools.Add(1)"]
)
def test_a_property_that_would_be_silent_is_seen(wrong: str) -> None:
    library = "[Microsoft.Web.Administration.ServerManager]::new()"
    assert len(swallowed(f"$m = {library}\n$x = {wrong}")) == 1
    assert swallowed(f"$x = {wrong}") == []
    assert swallowed(f"$m = {library}\n$x = $m.get_Sites()[$Site].get_State()") == []


DELETE = re.compile(r"\[IO\.File\]::Delete\((.*)\)$", re.IGNORECASE)


def unguarded(text: str) -> list[str]:
    """.NET is silent about a file that is not there, and throws where its folder is not: so each deletion is below an
    `if` that says that the file exists, or below a `catch`, where what was just written is taken away again."""
    found = []
    for call in of(tree(text), "invokation_expression"):
        if match := DELETE.match(said(call)):
            above = list(ancestors(call))
            tests = [said(one).partition("{")[0] for one in above if one.type == "if_statement"]
            exists = f"[IO.File]::Exists({match[1]})"
            tidied = any(one.type == "catch_clause" for one in above)
            if not tidied and not any(exists in test for test in tests):
                found.append(said(call))
    return found


@pytest.mark.parametrize("file", SCRIPTS, ids=IDS)
def test_what_may_not_be_there_is_not_deleted_before_it_is_looked_for(file: Path) -> None:
    assert unguarded(file.read_text("ascii")) == []


def test_a_deletion_that_would_throw_is_seen() -> None:
    call = "[IO.File]::Delete($mark)"
    assert unguarded(call) == [call]
    assert unguarded("[IO.File]::Delete((Get-Mark $Site))") == ["[IO.File]::Delete((Get-Mark $Site))"]
    assert unguarded(f"if ($a -eq 0) {{ {call} }}") == [call]
    assert unguarded(f"if ([IO.File]::Exists($other)) {{ {call} }}") == [call]
    assert unguarded(f"if ($a -eq 0 -and [IO.File]::Exists($mark)) {{ {call} }}") == []
    assert unguarded(f"try {{ Get-Item a }} catch {{ {call} }}") == []


def test_a_head_that_does_not_say_whether_it_may_be_repeated_is_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "x.ps1"
    for text in ("param()\n# safe to repeat: yes\n", "# For nothing.\nparam()\n", "# safe to repeat: maybe\n"):
        file.write_text(text)
        with pytest.raises(ValueError, match=r"x\.ps1: its head must have the line"):
            load(file)


def test_the_frame_is_the_file_that_is_encoded() -> None:
    import base64

    assert base64.b64decode(frame.WORDS[-1]).decode("utf-16-le") == (DRIVERS / "windows" / "run.ps1").read_text()
    assert "$input" not in frame.RUN.lower()  # with it, PowerShell itself would read what is meant for the frame


# ---- the eyes of these tests -----------------------------------------------------------------------------------------


def test_parameters_are_read_as_powershell_reads_them() -> None:
    first = "[Parameter(Mandatory = $true)][string]$Name"
    text = f"param({first}, [string[]]$Names = @(), [ValidateSet('a')][int]$Size = 3, $Any)"
    found = {name: tuple(one) for name, one in parameters(text).items()}
    assert found == {
        "name": ("string", True),
        "names": ("string[]", False),
        "size": ("int", False),
        "any": ("", False),
    }
    assert misfit(text, {"Name": "a", "NAMES": ["b"], "size": 2, "Any": True}) == ""
    assert "mandatory parameters: name" in misfit(text, {})
    assert "parameter name 'Nam'" in misfit(text, {"Nam": "a"})
    for wrong in ({"Name": 1}, {"Name": "a", "Names": [1]}, {"Name": "a", "Size": True}, {"Name": "a", "Size": "1"}):
        assert "Cannot process argument transformation" in misfit(text, wrong)


@pytest.mark.parametrize("newer", ["$a ?? 3", "$a?.B", "$a ? 1 : 2", "Get-Item a && Get-Item b", "if ($a {"])
def test_what_only_a_newer_powershell_reads_is_seen(newer: str, tmp_path: Path) -> None:
    file = tmp_path / "new.ps1"
    file.write_text(f"# Does something that is too new.\n{newer}\n")
    with pytest.raises(AssertionError):
        test_it_can_be_read_by_windows_powershell(file)
