"""Nothing is lost on its way, whatever the other side does; and what has to be lost is counted and said."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logs_world import NAME, World, line

from reconciler.drivers.local import durable
from reconciler.drivers.logs.sending import Later, Unfit
from reconciler.errors import Refused, Unreachable
from reconciler.logs import position, shipper
from reconciler.logs.position import Position


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "reconciler.logs"]


def test_everything_arrives_once_and_in_order(world: World) -> None:
    for count in (1, 3, 1200, 1):
        world.write(count)
        world.send()
    assert world.taker.numbers == [*range(1, 1206)]
    assert max(world.taker.sizes) == shipper.LINES


def test_what_waits_is_sent_after_a_restart_and_what_was_taken_is_not_sent_again(world: World) -> None:
    world.write(3)
    world.send()
    world.taker.broken = lambda _lines: Unreachable("away")
    world.write(3)
    world.send()
    world.taker.broken = lambda _lines: None
    world.restart()
    world.send()
    assert world.taker.numbers == [1, 2, 3, 4, 5, 6]


def test_whoever_is_new_is_sent_what_comes_next(world: World) -> None:
    position.file(world.folder, NAME).unlink()
    world.write(3)
    world.restart()
    world.write(1)
    world.send()
    assert world.taker.numbers == [4]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"place": [1]}', '{"place": "x"}', "null"])
def test_a_position_that_cannot_be_read_sends_all_again(
    world: World, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.write(3)
    world.send()
    position.file(world.folder, NAME).write_text(content)
    world.restart()
    world.send()
    assert world.taker.numbers == [1, 2, 3, 1, 2, 3]
    assert "cannot be read" in caplog.text


def test_a_position_behind_the_end_is_the_end(world: World) -> None:
    """A power failure took the last lines, and not the position."""
    world.write(3)
    world.send()
    (piece,) = (world.folder / "lines").iterdir()
    piece.write_bytes(line(1) + b"\n")
    world.restart()
    world.kept.append([line(20)])
    world.send()
    assert world.taker.numbers == [1, 2, 3, 20]


def test_while_it_is_away_it_is_tried_later_and_later_and_that_is_said_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.taker.broken = lambda _lines: Unreachable("http://x: no connection")
    world.write(1)
    world.pass_by(60.0)
    apart = [after - before for before, after in zip(world.taker.tries, world.taker.tries[1:], strict=False)]
    assert len(apart) > 4
    assert all(2**n / 2 <= wait <= 2**n + 0.1 for n, wait in enumerate(apart)), apart
    assert told(caplog) == ["logs.ops: http://x: no connection; tried again until it is taken"]
    assert world.position.failure == "http://x: no connection"
    world.taker.broken = lambda _lines: None
    world.write(1)
    world.pass_by(120.0)
    assert world.taker.numbers == [1, 2]
    assert told(caplog)[-1] == "logs.ops: taken again"
    assert world.position.failure == ""


def test_who_asks_for_time_is_given_it(world: World) -> None:
    world.taker.broken = lambda _lines: Later("status 429", 300.0)
    world.write(1)
    world.pass_by(299.0)
    assert len(world.taker.tries) == 1
    world.taker.broken = lambda _lines: None
    world.pass_by(2.0)
    assert world.taker.numbers == [1]


def test_one_bad_line_is_left_out_and_counted_and_all_others_arrive(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    bad = {7, 300, 301, 777}
    world.taker.broken = lambda lines: Unfit("status 400") if bad & {json.loads(one)["n"] for one in lines} else None
    world.write(1000)
    world.send()
    assert world.taker.numbers == [number for number in range(1, 1001) if number not in bad]
    assert world.position.refused == 4
    assert told(caplog).count("logs.ops: a line is left out, the other side does not take it: status 400") == 3
    assert told(caplog).count("logs.ops: 2 lines in a row were left out, none was taken") == 1
    assert len(world.taker.tries) < 150


def test_one_who_refuses_every_line_gets_few_of_them(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Then it is rather the other side that is set up wrongly."""
    world.taker.broken = lambda _lines: Unfit("status 400")
    world.write(500)
    world.pass_by(3600.0)
    assert world.position.refused == shipper.IN_A_ROW
    assert len(told(caplog)) == 2
    refused = world.position.refused
    world.taker.broken = lambda _lines: None
    world.pass_by(1200.0)
    assert world.taker.numbers == [*range(refused + 1, 501)]
    assert told(caplog)[-1].endswith(f"{refused} lines in a row were left out, none was taken")


def too_old(world: World, *spared: int, last: int) -> None:
    """From here on lines up to number `last` are refused, and so is every batch with one of them."""
    bad = {*range(1, last + 1)} - {*spared}
    world.taker.broken = lambda lines: Unfit("status 400") if bad & {json.loads(one)["n"] for one in lines} else None


@pytest.mark.parametrize("old", [50, 500, 5000])
def test_lines_that_are_too_old_for_the_other_side_do_not_hold_up_the_others(
    world: World, old: int, caplog: pytest.LogCaptureFixture
) -> None:
    too_old(world, last=old)
    world.write(old)
    world.write(10)
    world.pass_by(2.0)
    newer = [*range(old + 1, old + 11)]
    assert sorted({*world.taker.numbers}) == newer
    assert world.position.waiting > 0
    world.write(1)
    world.pass_by(0.1)
    assert world.taker.numbers[-1] == old + 11, "it does not wait for those that are gone through"
    world.pass_by(old)
    assert (world.position.refused, world.position.lost, world.position.waiting) == (old, 0, 0)
    assert len(world.taker.tries) <= 2 * old + 60
    assert world.kept.oldest().number == 1, "the log on this disk is as it was"
    aside = f"logs.ops: {old - shipper.IN_A_ROW} lines are set aside, as the other side refuses many of them"
    assert any(text.startswith(aside) for text in told(caplog))
    assert told(caplog)[-1].endswith(f"gone through; {old} lines in all were left out, the others are taken")


@pytest.mark.parametrize("again", [False, True], ids=["at once", "over a restart"])
def test_good_ones_among_them_arrive(world: World, again: bool) -> None:
    spared = (20, 21, 22, 77, 300, 499)
    too_old(world, *spared, last=500)
    world.write(510)
    world.pass_by(2.0)
    if again:
        assert world.position.waiting > 0
        world.restart()
    world.pass_by(500.0)
    assert {*world.taker.numbers} == {*spared, *range(501, 511)}
    assert world.position.refused == 500 - len(spared)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 30)), max_size=12))
@settings(max_examples=60)
def test_whichever_are_refused_all_others_arrive_and_each_is_counted(runs: list[tuple[bool, int]]) -> None:
    fit = [good for good, count in runs for _ in range(count)]
    bad = {number for number, good in enumerate(fit, 1) if not good}
    with TemporaryDirectory() as folder:
        world = World(Path(folder))
        world.taker.broken = lambda lines: Unfit("no") if bad & {json.loads(one)["n"] for one in lines} else None
        if fit:
            world.write(len(fit))
        world.write(1)
        world.pass_by(1500.0)
        assert {*world.taker.numbers} == {*range(1, len(fit) + 2)} - bad
        assert world.position.refused == len(bad)
        assert len(world.taker.tries) <= 12 * (len(bad) + len(runs) + 2)
        world.kept.close()


def test_however_ragged_it_is_the_parts_that_are_set_aside_are_bounded(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipper, "PARTS", 1)
    spared = (*range(21, 100), *range(120, 200))
    too_old(world, *spared, last=220)
    world.write(301)
    world.pass_by(0.5)
    assert [part.end for part in world.position.aside] == [21]
    world.pass_by(60.0)
    assert {*world.taker.numbers} == {*spared, *range(221, 302)}
    assert (world.position.refused, world.position.waiting) == (220 - len(spared), 0)


def test_while_the_newest_line_is_refused_too_none_is_given_up(world: World) -> None:
    """Which is so, too, while nothing new was said since the other side is back."""
    too_old(world, last=40)
    world.write(40)
    world.pass_by(1200.0)
    assert (world.position.refused, world.position.waiting) == (shipper.IN_A_ROW, 0)
    world.write(1)
    world.pass_by(600.0)
    assert {*world.taker.numbers} == {41}
    assert world.position.refused == 40


def test_an_other_side_that_goes_away_meanwhile_is_waited_for(world: World) -> None:
    too_old(world, 30, last=60)
    world.write(61)
    world.pass_by(1.0)
    assert world.position.waiting > 0
    refuse, world.taker.broken = world.taker.broken, lambda _lines: Unreachable("away")
    world.pass_by(60.0)
    assert world.position.failure == "away"
    world.taker.broken = refuse
    world.pass_by(600.0)
    assert {*world.taker.numbers} == {30, 61}
    assert (world.position.refused, world.position.failure) == (59, "")


def test_what_is_set_aside_and_has_to_go_is_lost_and_counted(world: World) -> None:
    too_old(world, last=2000)
    world.write(2001, trace="x" * 300)
    world.pass_by(2.0)
    before = world.position
    for _ in range(60):
        world.write(20, trace="x" * 1000)
        world.pass_by(0.6)
    world.pass_by(600.0)
    after = world.position
    assert before.waiting >= after.lost > 0
    assert (after.lost + after.refused, after.waiting) == (2000, 0)
    assert {*world.taker.numbers} == {*range(2001, world.written + 1)}


def test_what_the_other_side_throws_away_is_counted_and_not_sent_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.taker.thrown_away = 2
    world.write(5)
    world.send()
    assert world.taker.numbers == [1, 2, 3, 4, 5]
    assert world.position.refused == 2
    assert told(caplog) == ["logs.ops: the other side has thrown lines away, 2 of a batch"]
    world.write(5)
    world.pass_by(2.0)
    assert len(told(caplog)) == 1, "or what is said of it would be thrown away, and said, and thrown away"
    world.taker.thrown_away = 0
    world.write(1)
    world.pass_by(2.0)
    assert told(caplog)[1:] == ["logs.ops: the other side has thrown 4 lines away in all"]


def test_one_who_fails_every_other_time_makes_no_talk(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.taker.broken = lambda _lines: Unreachable("away") if len(world.taker.tries) % 2 else None
    for _ in range(50):
        world.write(1)
        world.pass_by(1.0)
    world.pass_by(2.0)
    assert world.taker.numbers == [*range(1, 51)]
    assert told(caplog) == []


def test_what_had_to_go_is_counted_and_said_in_a_line_of_its_own(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.taker.broken = lambda _lines: Unreachable("away")
    world.write(1)
    world.send()
    for _ in range(300):
        world.write(20, trace="x" * 1000)
    world.taker.broken = lambda _lines: None
    world.pass_by(700.0)
    lost = world.position.lost
    assert lost > 0
    assert world.taker.numbers == [*range(lost + 1, world.written + 1)]
    (said,) = [text for text in told(caplog) if "had to go" in text]
    assert said.startswith(f"logs.ops: {lost} lines could not be sent before they had to go")


def test_a_crash_between_the_answer_and_the_position_sends_twice_and_loses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world.write(2)
    with monkeypatch.context() as patch:
        full = Refused("cannot write: no space left")
        patch.setattr(durable, "write", lambda *_, **__: (_ for _ in ()).throw(full))
        world.send()
        world.write(1)
        world.clock.seconds += 10
        world.send()
    assert world.taker.numbers == [1, 2, 3], "while the process lives it knows"
    assert len(told(caplog)) == 1
    world.restart()
    world.send()
    assert world.taker.numbers == [1, 2, 3, 1, 2, 3]


def test_at_the_end_what_is_there_is_sent_and_a_failure_does_not_hold_it_up(world: World) -> None:
    world.write(1200)
    world.shipper.flush()
    assert world.taker.numbers == [*range(1, 1201)]
    world.taker.broken = lambda _lines: Unreachable("away")
    world.write(1)
    tries = len(world.taker.tries)
    world.shipper.flush()
    world.shipper.flush()
    assert len(world.taker.tries) == tries + 1


def test_a_log_that_cannot_be_read_is_a_failure_that_is_said(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world.write(1)
    with monkeypatch.context() as patch:
        patch.setattr(world.kept, "read", lambda *_: (_ for _ in ()).throw(OSError(5, "Input/output error")))
        world.send()
    assert world.position == Position(world.position.place, "", *_failure(world))
    world.pass_by(2.0)
    assert world.taker.numbers == [1]


def _failure(world: World) -> tuple[str, str]:
    return "the log cannot be read: Input/output error", world.position.failed_at
