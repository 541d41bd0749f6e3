"""`reconcile status`: its words, and what `--wait` makes of them."""

from __future__ import annotations

import json
import signal
from dataclasses import replace

import pytest
from cli_folder import Folder, until

from reconciler.cli.look import Look, as_json, lines, next_step
from reconciler.cli.status import _full, failed, outcome
from reconciler.core.conditions import NEXT, Status
from reconciler.core.events import Phase
from reconciler.core.model import Pair, Release, Slot, Stage
from reconciler.core.reading import GatewayReading, Observed
from reconciler.core.state import Held, Last, Question, State, Transition
from reconciler.core.steps import PutBack
from reconciler.desired.repository import Repository
from reconciler.desired.writing import Writing
from reconciler.session import Session

A, B = "a" * 40, "b" * 40
BLUE, GREEN = Release(Slot.BLUE, "1"), Release(Slot.GREEN, "2")
AT_REST = Status(
    environment="x",
    sync="Synced",
    health="Healthy",
    phase="Succeeded",
    stable=BLUE,
    target=BLUE,
    newcomer=None,
    weights=Pair(100, 0),
    rung=None,
    revision=A,
    conditions=(),
    reason="InSync",
    message="blue@1 serves",
    exit_code=0,
)
SEEN = Observed(GatewayReading(True, Pair(100, 0)), Pair((), ()))


def looked(status: Status | None = AT_REST, *, last: Last | None = None, observed: Observed = SEEN) -> Look:
    return Look("x", status, State(journal="j", seq=1, last=last), observed, "" if status else "no answer")


def last(phase: Phase, revision: str = A) -> Last:
    return Last("t", revision, GREEN, phase, "a reason")


def asked_about(**changes: object) -> Look:
    """Somebody is asked about the shift since two hours and five minutes."""
    asked = Question(Stage.SHIFT, "p1", 100.0)
    t = Transition("t", BLUE, GREEN, "d", A, (), opened=0.0, since=0.0, asked=asked)
    found = replace(
        AT_REST, reason="WaitingApproval", message="shift of green@2 waits for anna", newcomer=GREEN, rung=0
    )
    state = State("j", 1, 7600.0, transition=t)
    return Look("x", found, state, SEEN, until=11200.0, **changes)  # type: ignore[arg-type]


def test_who_waits_for_an_approval_sees_since_when_and_until_when() -> None:
    assert "  waits     shift since 2h5m; if nobody answers it goes back in 1h" in lines(asked_about())
    assert as_json(asked_about())["waits"] == {"stage": "shift", "since": 7500.0}


def test_while_something_else_is_waited_for_no_deadline_is_said() -> None:
    found = asked_about()
    assert found.status
    paused = replace(found, status=replace(found.status, reason="Paused"), until=None)
    assert "  waits     shift since 2h5m" in lines(paused)


def test_what_waits_for_nobody_does_not_say_since_when() -> None:
    assert not [line for line in lines(looked()) if line.startswith("  waits")]
    assert as_json(looked())["waits"] is None


class TestWaiting:
    def test_rest_at_the_revision_is_its_good_end(self) -> None:
        assert outcome(looked(), A) == 0

    def test_another_revision_says_nothing_about_it(self) -> None:
        assert outcome(looked(), B) is None

    def test_a_later_commit_holds_the_earlier_one(self) -> None:
        assert outcome(looked(), B, overtaken=True) == 0

    @pytest.mark.parametrize("phase", [Phase.ROLLED_BACK, Phase.ABORTED, Phase.SUPERSEDED])
    def test_a_transition_that_did_not_succeed_is_4(self, phase: Phase) -> None:
        held = replace(AT_REST, reason="RevisionHeld", exit_code=3)
        assert outcome(looked(held, last=last(phase)), A) == 4

    def test_what_only_a_person_can_end_is_3(self) -> None:
        assert outcome(looked(replace(AT_REST, reason="Suspended", exit_code=3)), A) == 3

    def test_what_moves_or_is_about_to_is_waited_for(self) -> None:
        assert outcome(looked(replace(AT_REST, reason="begin", exit_code=2)), A) is None

    def test_what_cannot_be_looked_at_is_an_error(self) -> None:
        assert outcome(looked(None), A) == 1


class TestWords:
    def test_nothing_and_not_known_are_two_things(self) -> None:
        down = replace(SEEN, gateway=GatewayReading(False, Pair(100, 0)))
        silent = replace(SEEN, gateway=None, detail="no answer in time")
        assert "  traffic   blue 100 %, green 0 %" in lines(looked())
        assert "  traffic   none: the gateway is down" in lines(looked(observed=down))
        assert "  traffic   unknown: no answer in time" in lines(looked(observed=silent))

    def test_every_line_tells_something_and_what_to_type_next_is_the_last(self) -> None:
        told = lines(looked(replace(AT_REST, reason="Paused", message="by ann")))
        assert told[-1] == "  next      reconcile resume x"
        assert all(line == line.rstrip() and line for line in told)

    def test_a_message_of_several_lines_keeps_its_column(self) -> None:
        told = lines(looked(replace(AT_REST, reason="DesiredInvalid", message="one\ntwo")))
        assert [line for line in told if line.endswith(("one", "two"))] == [
            "  why       DesiredInvalid: one",
            "            two",
        ]

    def test_an_environment_that_cannot_be_looked_at_is_told_and_is_an_error(self) -> None:
        found = looked(None)
        assert (lines(found), found.exit_code) == (["\x1b[1mx\x1b[0m  \x1b[31merror\x1b[0m: no answer"], 1)
        assert next_step(found) == "see the error"

    def test_json_is_the_same_in_data(self) -> None:
        told = json.loads(json.dumps(as_json(looked(last=last(Phase.SUCCEEDED))), default=str))
        assert (told["environment"], told["exitCode"], told["weights"]) == ("x", 0, {"blue": 100, "green": 0})
        assert told["last"]["phase"] == "Succeeded"


PINNED = replace(AT_REST, reason="StablePinned", exit_code=3)


@pytest.mark.parametrize(
    ("target", "typed"),
    [
        (
            Release(Slot.BLUE, "2"),
            "reconcile pin x blue 1; then: reconcile pin x green 2, reconcile switch x green",
        ),
        (GREEN, "reconcile pin x blue 1"),  # green is asked for, and the serving version was changed beside it
        (Release(Slot.BLUE, "1#c0ffee"), NEXT["StablePinned"]),  # no command changes a configuration
    ],
)
def test_what_to_type_when_the_serving_version_was_changed_can_be_typed_as_it_is(target: Release, typed: str) -> None:
    assert next_step(looked(replace(PINNED, target=target))) == typed


class TestTyped:
    @pytest.fixture
    def ready(self, folder: Folder) -> Folder:
        folder.reconcile("init")
        folder.commit()
        return folder

    def test_what_never_ran_says_so(self, ready: Folder) -> None:
        done = ready.reconcile("status")
        assert done.returncode == 2
        assert "it was never run" in done.stdout
        assert "reconcile run" in done.stdout.splitlines()[-1]

    def test_a_mistake_in_one_manifest_blocks_only_that_one(self, ready: Folder) -> None:
        (ready.root / "environments" / "bad.yaml").write_text("kind: [\n", encoding="utf-8")
        ready.commit()
        found = json.loads(ready.reconcile("status", "--output", "json").stdout)["environments"]
        assert (found[0]["environment"], found[0]["reason"]) == ("bad", "DesiredInvalid")
        assert found[1]["target"] == {"slot": "blue", "version": "1.0.0"}
        assert ready.reconcile("status", "production").returncode == 2

    def test_no_outcome_in_time_is_an_error_that_says_so(self, ready: Folder) -> None:
        done = ready.reconcile("status", "--wait", "--timeout", "0.1")
        assert done.returncode == 1
        assert "has no outcome after 0.1 s" in done.stderr

    @pytest.mark.parametrize("revision", ["nonsense", "b" * 40])
    def test_a_revision_that_this_branch_does_not_hold_is_not_waited_for(self, ready: Folder, revision: str) -> None:
        done = ready.reconcile("status", "--wait", "--revision", revision)
        assert done.returncode == 64
        assert "--revision" in done.stderr

    def test_what_was_rolled_back_under_a_later_commit_failed_and_what_came_before_did_not(self, ready: Folder) -> None:
        """The loop had not looked yet when an unrelated commit came."""
        before = ready.git("rev-parse", "HEAD")
        ready.edit("environments/production.yaml", "activeSlot: blue", "activeSlot: green")
        asked = ready.commit()
        (ready.root / "README.md").write_text("unrelated", encoding="utf-8")
        began = ready.commit()
        ready.git("revert", "--no-edit", asked)
        back = ready.git("rev-parse", "HEAD")
        ended = Last("t", began, Release(Slot.GREEN, "1.1.0"), Phase.ROLLED_BACK, "a reason")
        held = Held("1.1.0", "AnalysisFailed", "a reason")
        state = State(stable=Release(Slot.BLUE, "1.0.0"), last=ended, since=Pair(before, None), held=(held,))
        with Session.open(str(ready.root / "reconciler.toml"), read_only=True) as session:
            found = Look("production", AT_REST, state, SEEN)
            told = [failed(session, found, one) for one in (before, asked, began, back)]
            assert told == [False, True, True, False]
            later = replace(state, since=Pair(None, asked), stable=Release(Slot.GREEN, "1.1.0"))
            assert not failed(session, replace(found, state=later), asked)
        assert outcome(looked(), asked, overtaken=True, failed=True) == 4

    def test_what_was_put_back_on_top_of_it_failed_also_when_an_earlier_commit_asked_for_it(
        self, ready: Folder
    ) -> None:
        """One push brings the switch and something unrelated: what failed is the first, and the head was the second."""
        before = ready.git("rev-parse", "HEAD")
        ready.edit("environments/production.yaml", "activeSlot: blue", "activeSlot: green")
        asked = ready.commit()
        (ready.root / "README.md").write_text("unrelated", encoding="utf-8")
        pushed = ready.commit()
        ready.git("revert", "--no-edit", asked)
        back = ready.git("rev-parse", "HEAD")
        ended = Last("t", asked, Release(Slot.GREEN, "1.1.0"), Phase.ROLLED_BACK, "a reason")
        held = Held("1.1.0", "AnalysisFailed", "a reason")
        state = State(stable=Release(Slot.BLUE, "1.0.0"), last=ended, since=Pair(before, None), held=(held,))
        with Session.open(str(ready.root / "reconciler.toml"), read_only=True) as session:
            found = Look("production", AT_REST, state, SEEN)
            assert [failed(session, found, one) for one in (before, pushed, back)] == [False, True, False]

    def test_a_later_commit_that_asks_for_the_same_again_is_still_open_where_nothing_is_held(
        self, ready: Folder
    ) -> None:
        """The first one was taken back by somebody, not by a failure: the third has not been tried."""
        ready.edit("environments/production.yaml", "activeSlot: blue", "activeSlot: green")
        asked = ready.commit()
        ready.git("revert", "--no-edit", asked)
        ready.git("revert", "--no-edit", "HEAD")
        again = ready.git("rev-parse", "HEAD")
        ended = Last("t", asked, Release(Slot.GREEN, "1.1.0"), Phase.SUPERSEDED, "")
        held = Held("1.1.0", "AnalysisFailed", "a reason")
        with Session.open(str(ready.root / "reconciler.toml"), read_only=True) as session:
            for why, wanted in (((), False), ((held,), True)):
                state = State(stable=Release(Slot.BLUE, "1.0.0"), last=ended, held=why)
                found = Look("production", AT_REST, state, SEEN)
                assert failed(session, found, again) is wanted

    def test_what_was_typed_last_is_waited_for_though_something_else_was_taken_back_on_top_of_it(
        self, ready: Folder
    ) -> None:
        """C1 switches production and C2 staging; production fails, and its file is put back on top of C2."""
        file, before = "environments/production.yaml", ready.git("rev-parse", "HEAD")
        ready.edit(file, "activeSlot: blue", "activeSlot: green")
        first = ready.commit()
        text = (ready.root / file).read_text("utf-8").replace("name: production", "name: staging")
        (ready.root / "environments" / "staging.yaml").write_text(text, encoding="utf-8")
        second = ready.commit()
        act = PutBack("t", first, before, "blue again", "why")
        writing = Writing(Repository(ready.root), "reconciler <reconciler@localhost>")
        ours = writing.put_back("production", act, f"j 1 {'5f' * 32}")
        ended = Last("t", first, Release(Slot.GREEN, "1.1.0"), Phase.ROLLED_BACK, "a reason")
        held = Held("1.1.0", "AnalysisFailed", "a reason")
        state = State(stable=Release(Slot.BLUE, "1.0.0"), last=ended, since=Pair(before, None), held=(held,))
        with Session.open(str(ready.root / "reconciler.toml"), read_only=True) as session:
            assert session.repository.head() == ours
            assert [_full(session, ("staging",), one) for one in (None, "HEAD", ours)] == [second, second, ours]
            assert failed(session, Look("production", AT_REST, state, SEEN), second)

    def test_a_loop_that_has_an_older_operators_file_is_to_be_started_again(self, ready: Folder) -> None:
        """It refuses what only the new file allows; whoever looks reads the new one, and would wait for ever."""
        with Session.open(str(ready.root / "reconciler.toml")) as loop:
            loop.journal.lock(loop.configuration.digest)
            assert "older operator's file" not in ready.reconcile("status").stdout
            ready.edit("reconciler.toml", "[security]", "# another thought\n[security]")
            told = ready.reconcile("status").stdout
            assert "the running loop has an older operator's file" in told
            assert told.splitlines()[-1] == "  next      end the loop with Ctrl-C, and start it again: reconcile run"
            assert json.loads(ready.reconcile("status", "--output", "json").stdout)["environments"][0]["outdated"]
        assert "older operator's file" not in ready.reconcile("status").stdout

    def test_watching_into_a_pipe_tells_only_what_changed_and_ends_well(self, ready: Folder) -> None:
        watching = ready.start("status", "--watch")
        until(ready, lambda: "never run" in ready.said, "the first picture")
        ready.edit("environments/production.yaml", 'green: {version: "1.1.0"}', 'green: {version: "1.2.0"}')
        ready.edit("environments/production.yaml", "activeSlot: blue", "activeSlot: green")
        ready.commit()
        until(ready, lambda: "green@1.2.0" in ready.said, "the second picture")
        assert ready.end(watching, signal.SIGINT) == 0
        assert ready.said.count("never run") == 2
        assert "\x1b" not in ready.said


def test_what_is_on_record_and_waits_for_resume_is_shown() -> None:
    """Else whoever typed rollback while it was down would have to trust that it is done."""
    down = replace(AT_REST, reason="Down", message="by an operator", exit_code=3)
    state = State(journal="j", seq=1, down="by an operator", rollback="the data are those of before")
    shown = "\n".join(lines(Look("x", down, state, SEEN)))
    assert "rollback (the data are those of before) is on record, and is done after: reconcile resume x" in shown
    assert "on record" not in "\n".join(lines(Look("x", down, replace(state, rollback=""), SEEN)))


def test_what_is_about_to_be_done_is_told_without_the_rule_and_a_loop_that_runs_is_not_asked_for() -> None:
    moving = replace(AT_REST, reason="tell-git", message="write into git what became of it", exit_code=2)
    found = looked(moving)
    assert "about to be done: write into git what became of it" in "\n".join(lines(found))
    assert next_step(found) == "the running loop does it: reconcile status x --watch"
    assert "reconcile run takes them" in next_step(replace(found, attended=False))
