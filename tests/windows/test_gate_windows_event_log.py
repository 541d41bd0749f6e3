"""The gate `windows-event-log`, through real WS-Man: the exam, and an exact range of records whatever a log does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import windows_faults as faults
from pydantic import ValidationError
from windows_calls import machine
from windows_eventlog import CRITICAL, ERROR, INFORMATION, WARNING, Computer, EventLog
from wsman_server import Rig

from reconciler.core.model import Outcome
from reconciler.core.reading import BY_HAND, GateReading
from reconciler.drivers.event_log import scripts
from reconciler.drivers.examining import Grade
from reconciler.drivers.gates import windows_event_log
from reconciler.drivers.gates.windows_event_log import Settings, WindowsEventLogGate
from reconciler.drivers.protocols import GateContext
from reconciler.errors import InvalidConfiguration
from reconciler.measure.notebook import Notebook

sys.path.append(str(Path(__file__).parents[1] / "drivers"))
from gate_exam import LATER, SECRET, WINDOW, GateExam

BEFORE = replace(WINDOW, rung=0, opened=1.0)
GOOD, FAILED, ERR, INCONCLUSIVE = Outcome.SUCCESSFUL, Outcome.FAILED, Outcome.ERROR, Outcome.INCONCLUSIVE
Opened = Callable[..., WindowsEventLogGate]


@pytest.fixture
def computer(plain: Rig) -> Computer:
    return Computer(plain.windows)


@pytest.fixture
def opened(plain: Rig, tmp_path: Path, password: Path) -> Iterator[Opened]:
    """A gate as after a start of the loop; with `notebook`, as later in the life of one."""
    gates = []

    def make(notebook: Notebook | None = None, journal: str = "j1", allowed: bool = True, **said: Any) -> Any:
        def named(section: str, name: str) -> Any:
            if not allowed:
                raise InvalidConfiguration("the host '127.0.0.1' may not be asked: add it to allow_hosts")
            assert (section, name) == ("machines", "web1")
            return machine(plain, tmp_path)

        settings = Settings.model_validate({"machine": "web1", "timeout": "10s", **said})
        notes = notebook.page("events", settings.model_dump_json()) if notebook else None
        known: Any = {"named": named, "journal": journal, "notes": notes}
        context = GateContext("production", "events", dict, lambda _: None, lambda _: False, deadline=60.0, **known)
        gates.append(windows_event_log.open(context, settings))
        return gates[-1]

    yield make
    for gate in gates:
        gate.close()


def said(found: GateReading) -> tuple[Outcome, str]:
    return found.outcome, found.reason


# ---- the exam --------------------------------------------------------------------------------------------------------


class TestWindowsEventLog(GateExam):
    CASES: ClassVar = {
        "good": {GOOD},
        "warnings": {GOOD},
        "an error": {FAILED},
        "a critical one": {FAILED},
        "more warnings than are tolerated": {FAILED},
        "no mark": {INCONCLUSIVE},
        "wrapped": {ERR},
        "cleared": {ERR},
        "begun anew": {ERR},
        "no such log": {ERR},
        "switched off": {ERR},
        "denied": {ERR},
        "not allowed": {ERR},
        "nobody there": {ERR},
        "cut off": {ERR},
        "hangs": {ERR},
        "slow": {ERR},
        "floods": {ERR},
        "another's answer": {ERR},
        "reboots": {GOOD},
        "a secret in its text": {FAILED},
    }

    @pytest.fixture
    def gate(
        self, case: str, computer: Computer, opened: Opened, plain: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> WindowsEventLogGate:
        application, system = computer.logs["Application"], computer.logs["System"]
        application.write(ERROR, "before the mark", times=20)
        said: dict[str, Any] = {"warnings": 1} if case == "more warnings than are tolerated" else {}
        if case in ("hangs", "slow", "nobody there"):
            said["timeout"] = "1s"
        if case == "no such log":
            said["logs"] = ["Nobody"]
            computer.logs["Nobody"] = EventLog("Nobody", computer.now)
        gate = opened(allowed=case != "not allowed", **said)
        if case not in ("no mark", "not allowed"):
            for window in (BEFORE, replace(BEFORE, transition=LATER.transition)):
                assert gate.run(window).outcome is GOOD
        if case in ("warnings", "more warnings than are tolerated"):
            application.write(WARNING, times=2)
        if case == "an error":
            application.write(ERROR)
        if case == "a critical one":
            system.write(CRITICAL, "Kernel-Power", 41)
        if case == "wrapped":
            application.write(INFORMATION, times=1500)
        if case in ("cleared", "begun anew"):
            application.write(WARNING, times=3)
            application.clear(anew=case == "begun anew")
            application.write(INFORMATION, times=1)
        if case == "no such log":
            del computer.logs["Nobody"]
        if case == "switched off":
            system.enabled = False
        if case == "denied":
            system.denied = True
        if case == "a secret in its text":
            application.write(ERROR, text=f"password={SECRET}")
        blows: dict[str, Any] = {
            "nobody there": ("Create", *[faults.Reboot(away=True)] * 9),
            "cut off": ("Receive", *[faults.Cut()] * 99),
            "hangs": ("Receive", *[faults.Hang()] * 9),
            "slow": ("Receive", *[faults.Drip()] * 9),
            "reboots": ("Receive", faults.Reboot()),
        }
        if case in blows:
            plain.faults.strike(blows[case][0], *blows[case][1:])
        if case == "floods":
            monkeypatch.setattr("reconciler.drivers.windows.shell.MOST", 1 << 18)
        if case in ("floods", "another's answer"):
            garbling = faults.flood if case == "floods" else faults.of_another
            for _ in range(99):
                plain.faults.garble(garbling)
        return gate

    def test_a_mark_is_not_taken_once_the_newcomer_has_weight(self, computer: Computer, opened: Opened) -> None:
        found = opened().run(WINDOW)
        assert said(found) == (
            INCONCLUSIVE,
            "there is no mark from before the newcomer had weight, so what was written since cannot be told from what"
            " was there before",
        )
        assert computer.marks == {}


@pytest.mark.parametrize("rung", [0, 50])
def test_asked_by_hand_it_writes_nothing_there_and_says_how_far_the_logs_are(
    computer: Computer, opened: Opened, rung: int
) -> None:
    asked, notebook = replace(BEFORE, transition=BY_HAND, rung=rung), Notebook()
    computer.logs["Application"].write(ERROR, times=20)
    for newest in (20, 21):  # the second time it remembers nothing of the first
        found = opened(notebook).run(asked)
        told = f"the newest records now: Application {newest}, System 0"
        assert said(found) == (INCONCLUSIVE, f"asked by hand: a mark is taken by a transition only; {told}")
        computer.logs["Application"].write(ERROR)
    assert computer.marks == {}
    computer.logs["System"].denied = True
    assert opened(notebook).run(asked).outcome is ERR


def test_asked_by_hand_it_uses_no_mark_that_was_left(computer: Computer, opened: Opened) -> None:
    asked = replace(BEFORE, transition=BY_HAND)
    key = opened()._key(asked)
    opened().run(BEFORE)
    computer.marks[key] = next(iter(computer.marks.values()))  # as an older version of ours took one
    computer.logs["Application"].write(ERROR)
    assert opened().run(asked).outcome is INCONCLUSIVE
    assert opened().run(BEFORE).outcome is FAILED


# ---- an exact range of records ---------------------------------------------------------------------------------------


def test_what_the_report_shows_is_two_warnings_by_their_source_and_number(computer: Computer, opened: Opened) -> None:
    computer.logs["Application"].write(ERROR, "old", times=3)
    gate = opened()
    assert said(gate.run(BEFORE)) == (GOOD, "no error and no warning; 0 records since the mark")
    computer.logs["Application"].write(WARNING, "worker", 1001, times=2)
    computer.logs["System"].write(INFORMATION, "Service Control Manager", 7036, times=5)
    found = gate.run(WINDOW)
    assert (found.value, found.limit) == ("0 errors, 2 warnings (informational)", "0 errors")
    assert said(found) == (GOOD, "2 warnings: worker 1001 (2); 7 records since the mark")
    assert found.alert == "warnings of worker 1001"


def test_the_first_mark_counts_also_after_a_restart_of_ours(computer: Computer, opened: Opened) -> None:
    opened().run(BEFORE)
    computer.logs["Application"].write(ERROR, "api", 1000)
    again = opened().run(replace(BEFORE, opened=9.0))
    assert said(again)[0] is FAILED
    assert again.reason.startswith("1 error: api 1000 (1); the first is record 1 of Application at 2026-03-01T12:00:0")
    assert len(computer.marks) == 1


def test_another_transition_journal_or_choice_of_logs_has_a_mark_of_its_own(computer: Computer, opened: Opened) -> None:
    opened().run(BEFORE)
    computer.logs["Application"].write(ERROR)
    assert opened().run(replace(BEFORE, transition="t2")).outcome is GOOD
    assert opened(journal="j2").run(BEFORE).outcome is GOOD
    assert opened(logs=["Application"]).run(BEFORE).outcome is GOOD
    assert opened(sources=["worker"]).run(BEFORE).outcome is FAILED  # the same logs, from the same place on
    assert len(computer.marks) == 4


def test_no_record_is_missed_and_none_counted_twice_however_often_it_looks(computer: Computer, opened: Opened) -> None:
    notebook = Notebook()
    gate = opened(notebook, errors=1_000_000)
    gate.run(BEFORE)
    for times in (1, 0, 999, 1000, 1001, 2500):
        computer.logs["Application"].size = 10_000
        computer.logs["Application"].write(WARNING, times=times)
        computer.logs["Application"].write(ERROR, "api", 5)
        gate.run(WINDOW)
    found = gate.run(LATER)
    assert found.reason.startswith("6 errors: api 5 (6); 5501 warnings: worker 1001 (5501); the first is record 2 of")
    again = opened(errors=1_000_000).run(WINDOW)  # from the mark, page by page
    assert (again.value, again.reason) == (found.value, found.reason)


def test_a_log_that_wraps_loses_nothing_that_was_read_before(computer: Computer, opened: Opened) -> None:
    log, notebook = computer.logs["Application"], Notebook()
    log.size = 50
    log.write(INFORMATION, times=20)
    gate = opened(notebook)
    gate.run(BEFORE)
    for _ in range(10):
        log.write(INFORMATION, times=39)
        log.write(WARNING)
        assert gate.run(WINDOW).outcome is GOOD
    assert said(opened(notebook).run(LATER)) == (GOOD, "10 warnings: worker 1001 (10); 400 records since the mark")
    restarted = opened(Notebook()).run(LATER)
    assert said(restarted) == (
        ERR, "records 21 to 370 of Application (350) may have been overwritten or cleared before anybody read them",
    )  # fmt: skip


def test_what_is_overwritten_while_it_is_read_is_told(computer: Computer, opened: Opened) -> None:
    log, gate = computer.logs["Application"], opened(Notebook())
    log.size = 50
    log.write(INFORMATION, times=10)
    gate.run(BEFORE)
    log.write(INFORMATION, times=40)
    computer.meanwhile = lambda: log.write(INFORMATION, times=45)
    assert said(gate.run(WINDOW))[0] is ERR
    assert gate.run(LATER).reason.startswith("records 11 to 45 of Application (35) may have been overwritten")


@pytest.mark.parametrize("anew", [False, True], ids=["its numbers go on", "its numbers begin again"])
@pytest.mark.parametrize("later", [0, 1, 200], ids=["empty", "one record", "longer than before"])
@pytest.mark.parametrize("read", [False, True], ids=["from the mark", "read before"])
def test_a_log_that_was_cleared_with_something_unread_is_never_good(
    computer: Computer, opened: Opened, read: bool, later: int, anew: bool
) -> None:
    log, gate = computer.logs["Application"], opened(Notebook())
    log.write(INFORMATION, times=100)
    gate.run(BEFORE)
    log.write(WARNING, times=5)
    if read:
        gate.run(WINDOW)
    log.write(ERROR)
    log.clear(anew)
    log.write(INFORMATION, times=later)
    assert gate.run(WINDOW).outcome is ERR
    log.write(INFORMATION, times=300)
    found = gate.run(LATER)
    assert found.outcome is ERR, found
    assert "Application" in found.reason


def test_what_came_after_a_log_was_cleared_is_read_as_well(computer: Computer, opened: Opened) -> None:
    log, gate = computer.logs["Application"], opened(Notebook())
    log.write(INFORMATION, times=100)
    gate.run(BEFORE)
    log.clear(anew=True)
    log.write(ERROR, "api", 7, times=3)
    log.write(INFORMATION, times=200)
    found = gate.run(WINDOW)
    assert said(found) == (FAILED, found.reason)
    assert found.reason.startswith("3 errors: api 7 (3); the first is record 1 of Application")


def test_a_log_that_was_cleared_right_after_it_was_read_and_goes_on_is_whole(
    computer: Computer, opened: Opened
) -> None:
    log, gate = computer.logs["Application"], opened(Notebook())
    log.write(INFORMATION, times=100)
    gate.run(BEFORE)
    log.clear()
    log.write(WARNING)
    assert said(gate.run(WINDOW)) == (GOOD, "1 warning: worker 1001 (1); 1 record since the mark")


def test_a_log_that_was_empty_at_the_mark_is_read_from_its_beginning(computer: Computer, opened: Opened) -> None:
    gate = opened(Notebook())
    gate.run(BEFORE)
    computer.logs["System"].write(ERROR, "disk", 7)
    assert gate.run(WINDOW).outcome is FAILED
    computer.logs["Application"].write(WARNING, times=50)
    computer.logs["Application"].clear(anew=True)
    computer.logs["Application"].write(INFORMATION)
    assert opened(errors=1).run(WINDOW).reason == "Application was made anew, and what was in it before is gone"


def test_a_log_that_was_empty_at_the_mark_and_has_wrapped_since_is_never_good(
    computer: Computer, opened: Opened
) -> None:
    opened().run(BEFORE)
    computer.logs["System"].write(INFORMATION, times=1001)
    why = "System was empty, and its oldest record is 2 now: what came before that, nobody knows"
    assert said(opened().run(WINDOW)) == (ERR, why)


# ---- what counts -----------------------------------------------------------------------------------------------------


def test_only_the_sources_that_are_named_count_and_what_is_known_does_not(computer: Computer, opened: Opened) -> None:
    opened().run(BEFORE)
    computer.logs["Application"].write(ERROR, "Backup", 8)
    computer.logs["Application"].write(ERROR, "API", 1000, times=2)
    computer.logs["Application"].write(WARNING, "api", 1001)
    ours = opened(sources=["Api"], ignore=[{"source": "aPI", "id": 1000}])
    assert said(ours.run(WINDOW)) == (GOOD, "1 warning: api 1001 (1); 2 records ignored; 4 records since the mark")
    assert said(opened(errors=3).run(WINDOW))[0] is GOOD
    assert said(opened(errors=2).run(WINDOW))[0] is FAILED


def test_warnings_with_a_limit_decide_and_are_no_more_informational(computer: Computer, opened: Opened) -> None:
    opened().run(BEFORE)
    computer.logs["Application"].write(WARNING, times=2)
    found = opened(warnings=2).run(WINDOW)
    assert (found.outcome, found.value, found.limit) == (GOOD, "0 errors, 2 warnings", "0 errors, 2 warnings")
    assert found.alert == ""
    assert opened(warnings=1).run(WINDOW).outcome is FAILED


def test_an_error_that_was_seen_stays_one_when_nothing_more_can_be_seen(
    computer: Computer, opened: Opened, plain: Rig
) -> None:
    gate = opened(Notebook())
    gate.run(BEFORE)
    computer.logs["Application"].write(ERROR)
    gate.run(WINDOW)
    computer.logs["Application"].denied = True
    assert gate.run(LATER).outcome is FAILED


def test_many_kinds_are_counted_and_the_most_frequent_ones_named(computer: Computer, opened: Opened) -> None:
    gate = opened()
    gate.run(BEFORE)
    for number in range(300):
        computer.logs["Application"].write(WARNING, f"source {number}\x1b[31m\n", number, times=1 + (number == 7))
    found = gate.run(WINDOW)
    assert found.value == "0 errors, 301 warnings (informational)"
    assert found.reason.startswith("301 warnings: source 7\\x1b[31m\\n 7 (2), source 0")
    assert "and 96 more kinds" in found.reason
    assert len(found.reason) < 400


# ---- the mark --------------------------------------------------------------------------------------------------------


def test_a_mark_that_cannot_be_made_or_read_is_an_error(computer: Computer, opened: Opened) -> None:
    computer.marks_denied = True
    assert said(opened().run(BEFORE)) == (
        ERR,
        "127.0.0.1: mark.ps1, line 17: Access to the path 'C:\\ProgramData\\reconciler' is denied. (PermissionDenied);"
        " the user needs more rights there",
    )
    computer.marks_denied = False
    opened().run(BEFORE)
    (key,) = computer.marks
    assert key.startswith("production-t1-")
    computer.marks[key] = '{"logs": {}}x'
    where = rf"C:\ProgramData\reconciler\marks\{key}.mark"
    assert opened().run(BEFORE).reason == f"the mark {where} there cannot be read"
    computer.marks[key] = '{"logs": {}}'
    assert opened().run(WINDOW).reason == f"the mark {key} on that machine is of other logs"


def test_a_mark_whose_answer_is_lost_is_made_once(computer: Computer, opened: Opened, plain: Rig) -> None:
    computer.logs["Application"].write(ERROR)
    plain.faults.garble(lambda output: output)
    plain.faults.garble(lambda output: output)
    plain.faults.garble(faults.cut_short)  # of the mark that is made
    gate = opened()
    assert gate.run(BEFORE).outcome is GOOD
    assert [name for name, _ in plain.windows.ran].count("mark.ps1") == 3
    assert len(computer.marks) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"logs": [{"log": "System"}]},
        {"logs": []},
        {"logs": "none"},
        {"logs": [{"groups": [{"level": 9}]}]},
        {"logs": [], "more": 1},
        {},
    ],
)
def test_an_answer_that_makes_no_sense_is_an_error(
    computer: Computer, opened: Opened, plain: Rig, wrong: dict[str, Any]
) -> None:
    gate = opened()
    gate.run(BEFORE)
    plain.windows.plays(scripts.RECORDS, lambda _arguments, _session: wrong)
    found = gate.run(WINDOW)
    assert (found.outcome, "records.ps1: its answer" in found.reason) == (ERR, True)


# ---- the manifest ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"logs": []}, "at least 1"),
        ({"logs": ["System", "SYSTEM"]}, "a log stands here twice"),
        ({"logs": ["System' or 1=1"]}, "pattern"),
        ({"errors": -1}, "greater than or equal"),
        ({"ignore": [{"source": "api"}]}, "id"),
        ({"sources": ["api"], "ignore": [{"source": "db", "id": 1}]}, "none of `sources`"),
    ],
)
def test_settings_that_make_no_sense_are_refused(said: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Settings.model_validate({"machine": "web1", **said})


# ---- the doctor ------------------------------------------------------------------------------------------------------


def told(gate: WindowsEventLogGate) -> list[tuple[Grade, str]]:
    return [(one.grade, one.what) for one in gate.examine() if one.what not in ("powershell", "clock")]


def test_the_doctor_is_told_of_the_machine_and_of_each_log(computer: Computer, opened: Opened) -> None:
    computer.logs["Application"].write(WARNING, "worker", 1001, times=3)
    assert told(opened()) == [(Grade.OK, "machine"), (Grade.OK, "event log")]
    assert opened().examine()[-1].found == "Application, record 3, System, record 0"
    computer.logs["System"].denied = True
    denied = opened().examine()[-1]
    assert (denied.grade, denied.cure) == (Grade.FAILED, "the user must be in Event Log Readers there.")
    assert told(opened(allowed=False)) == [(Grade.FAILED, "machine")]
