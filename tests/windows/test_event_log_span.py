"""Whatever happens to a log between two looks: what is said to be all, is all.

But for one thing, which its numbers cannot tell: a log that was empty at the mark, and is empty again since somebody
cleared it. With the next record it is found out."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st
from windows_eventlog import ERROR, INFORMATION, WARNING, Computer, Record
from windows_machine import Session, Windows

from reconciler.drivers.event_log.scripts import AT_ONCE, Marked, Place, Stand
from reconciler.drivers.event_log.span import Span, broken

SIZE = 40  # records that the log holds
NOBODY = Session("reconcile", passes_on=False)

writing = st.tuples(st.sampled_from([ERROR, WARNING, INFORMATION]), st.integers(1, 60))
steps = st.lists(writing | st.sampled_from(["look", "restart", "clear", "clear anew"]), max_size=25)


class Past:
    """A log, and what was really written to it. `whole`: every record since the mark was there at some look since the
    last restart of ours."""

    def __init__(self, before: int, page: int) -> None:
        self.computer, self.page = Computer(Windows()), page
        self.log = self.computer.logs["Application"]
        self.log.size = SIZE
        self.log.write(ERROR, "old", times=before)
        newest = self._ask(-1)
        place = Place(record=newest.newest, written=newest.written, created=newest.created)
        self.span = self.first = Span.at(Marked(logs={"Application": place}))
        self.written: list[Record] = []
        self.seen = 0  # of them
        self.whole, self.cleared = True, False

    def _ask(self, after: int) -> Stand:
        asked = {"Logs": ["Application"], "After": [after], "Most": self.page}
        return Stand.model_validate(self.computer._records(asked, NOBODY)["logs"][0])

    def real(self, level: int) -> int:
        return sum(one.level == level for one in self.written)

    def write(self, level: int, times: int) -> None:
        for _ in range(times):
            self.log.write(level, "worker")
            self.written.append(self.log.records[-1])

    def clear(self, anew: bool) -> None:
        self.log.clear(anew)
        self.cleared = True

    def restart(self) -> None:
        """The notebook is gone: from the mark again."""
        self.span, self.seen, self.whole = self.first, 0, True

    def look(self) -> None:
        self.whole &= all(one in self.log.records for one in self.written[self.seen :])
        self.seen = len(self.written)
        for _ in range(1000):
            self.span = self.span.carried_on([self._ask(self.span.after["Application"])], lambda _: True)
            if not self.span.behind:
                return
        raise AssertionError("it never comes to an end")


@settings(max_examples=300, deadline=None)
@example(before=SIZE, page=AT_ONCE, steps=["clear anew", (WARNING, 80)])  # the next number, and another log
@given(before=st.integers(0, 50), page=st.sampled_from([1, 3, AT_ONCE]), steps=steps)
def test_what_is_said_to_be_all_is_all(before: int, page: int, steps: list[object]) -> None:
    past = Past(before, page)
    for step in [*steps, "look"]:
        match step:
            case "look":
                past.look()
                found = past.span
                counted, real = (found.errors, found.warnings), (past.real(ERROR), past.real(WARNING))
                if not found.lost and (before or past.log.records):
                    assert past.whole
                    assert counted == real
                assert counted[0] <= real[0]
                assert counted[1] <= real[1]
                if past.whole and not past.cleared:
                    assert not found.lost, found.lost
            case "restart":
                past.restart()
            case "clear":
                past.clear(anew=False)
            case "clear anew":
                past.clear(anew=True)
            case (level, times):
                past.write(level, times)


def test_an_empty_log_that_is_another_file_than_the_empty_one_of_the_mark_was_cleared() -> None:
    before = Place(record=0, written="", created="then")
    stand = Stand(log="A", newest=0, upto=0, written="", oldest=0, empty=True, created="now", anchor="", groups=())
    assert broken(before, stand) == ("A was made anew, and what was in it before is gone", False)
    assert broken(before, stand.model_copy(update={"created": "then"})) == ("", False)
