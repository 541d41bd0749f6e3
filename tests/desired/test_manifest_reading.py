from __future__ import annotations

import hashlib
import json
import re

import pytest

from reconciler.core.model import (
    Analysis,
    DriftMode,
    HandOver,
    Migration,
    Mode,
    OnFailure,
    Pause,
    Pin,
    Release,
    SetWeight,
    Slot,
    Snapshot,
    Stage,
    Traffic,
)
from reconciler.desired.manifest import Invalid, Manifest, read


def good(text: str) -> Manifest:
    found = read(text.encode(), "environments/p.yaml")
    assert isinstance(found, Manifest), str(found)
    return found


def told(text: str) -> list[str]:
    """Every problem as `line:column: message`."""
    found = read(text.encode(), "environments/p.yaml")
    assert isinstance(found, Invalid)
    assert all(one.file == "environments/p.yaml" for one in found.problems)
    return [f"{one.line}:{one.column}: {one.message}" for one in found.problems]


def replaced(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, old
    return text.replace(old, new)


def with_spec(text: str, *lines: str) -> str:
    return text + "".join(f"  {line}\n" for line in lines)


# ---- what a good one gives -------------------------------------------------------------------------------------------


def test_a_manifest_becomes_the_spec_that_the_core_decides_by(manifest: str) -> None:
    spec = good(manifest).spec
    assert spec.environment == "production"
    assert spec.target == Release(Slot.GREEN, "1.4.2")
    assert spec.pinned(Slot.BLUE) == "1.4.1"
    assert spec.names(Traffic.WEIGHTED) == ("api", "frontend")
    assert spec.names(Traffic.EXCLUSIVE) == ("worker",)
    assert spec.steps == (SetWeight(10), SetWeight(100), HandOver(("worker",)))
    assert len(spec.digest) == 64


def test_what_is_not_said_has_the_designs_defaults(manifest: str) -> None:
    spec = good(manifest[: manifest.index("  strategy:")]).spec
    assert spec.steps == (SetWeight(10), Pause(10.0), SetWeight(50), Pause(10.0), SetWeight(100), HandOver(("worker",)))
    assert (spec.warm_up, spec.soak, spec.drain_timeout, spec.scale_down_delay) == (5.0, 600.0, 30.0, 1800.0)
    assert (spec.progress_deadline, spec.rollback_window, spec.hold_timeout) == (900.0, 86400.0, 3600.0)
    assert (spec.on_failure, spec.drift, spec.gates) == (OnFailure.ROLLBACK, DriftMode.ENABLED, ())


def test_everything_that_can_be_said_arrives(manifest: str) -> None:
    text = replaced(manifest, "      - setWeight: 10\n", "      - setWeight: 10\n      - pause: {}\n")
    text = replaced(
        text,
        "- setWeight: 100\n",
        "- analysis: {atMost: 2m}\n      - setWeight: 100\n      - pause: {duration: 500ms}\n",
    )
    text = with_spec(text, "  soak: 1.5h", "onFailure: hold", "driftDetection: {mode: warn}")
    spec = good(text).spec
    assert spec.steps[1:5] == (Pause(None), Analysis(120.0), SetWeight(100), Pause(0.5))
    assert (spec.soak, spec.on_failure, spec.drift) == (5400.0, OnFailure.HOLD, DriftMode.WARN)


def test_the_composition_root_learns_every_driver_and_its_settings(manifest: str) -> None:
    found = good(manifest)
    assert (found.name, found.file, found.gateway.kind) == ("production", "environments/p.yaml", "envoy")
    assert found.gateway.settings.listen == "127.0.0.1:8080"
    assert [(one.name, one.prefix, one.kind, one.settings.app) for one in found.members] == [
        ("api", "/api", "process", "demo-api"),
        ("frontend", "/", "process", "demo-frontend"),
        ("worker", None, "process", "demo-worker"),
    ]


def test_a_configuration_is_part_of_the_pin(manifest: str) -> None:
    text = replaced(manifest, '"1.4.2"}', '"1.4.2", config: {b: "on", a: ü}}')
    digest = hashlib.sha256('{"a":"ü","b":"on"}'.encode()).hexdigest()[:8]
    pin = good(text).spec.pins[Slot.GREEN]
    assert pin == Pin("1.4.2", (("a", "ü"), ("b", "on")), digest)
    assert good(text).spec.target.version == f"1.4.2#{digest}"


def test_gates_get_names_of_their_own_and_canonical_settings(manifest: str) -> None:
    shift = "[{path: /b, kind: http, mode: observe}, {kind: http, name: http-2, path: /c}]"
    found = good(with_spec(manifest, f"gates: {{preflight: [{{kind: http, path: /a}}], shift: {shift}}}"))
    assert [(one.name, one.stage, one.mode) for one in found.spec.gates] == [
        ("http", Stage.PREFLIGHT, Mode.ENFORCE),
        ("http-3", Stage.SHIFT, Mode.OBSERVE),
        ("http-2", Stage.SHIFT, Mode.ENFORCE),
    ]
    assert [one.name for one in found.gates] == ["http", "http-3", "http-2"]
    assert json.loads(found.spec.gates[0].settings) == {"path": "/a"}
    assert found.gates[0].settings.path == "/a"


def test_exclusive_members_that_no_step_names_change_hands_at_the_end(manifest: str) -> None:
    text = replaced(manifest, "      - handOver: [worker]\n", "      - pause: {duration: 1s}\n")
    text = replaced(
        text, "  strategy:", "    - {name: sync, traffic: exclusive, host: {kind: process, app: s}}\n  strategy:"
    )
    assert good(text).spec.steps[-1] == HandOver(("worker", "sync"))


# ---- digests ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  activeSlot: green\n", "  # a comment\n  activeSlot: 'green'\n"),
        ('blue: {version: "1.4.1"}', "blue:\n      version: 1.4.1\n      config: {}"),
        ("  strategy:\n", "  onFailure: rollback\n  strategy:\n    soak: 600s\n"),
        ('listen: "127.0.0.1:8080"}', "sessions: shared, listen: '127.0.0.1:8080'}"),
    ],
)
def test_the_same_wish_written_otherwise_has_the_same_digest(manifest: str, old: str, new: str) -> None:
    one, other = good(manifest).spec, good(replaced(manifest, old, new)).spec
    assert (one.digest, one.gateway) == (other.digest, other.gateway)


@pytest.mark.parametrize(
    ("old", "new", "same_gateway"),
    [
        ("activeSlot: green", "activeSlot: blue", True),
        ('"1.4.2"}', '"1.4.3"}', True),
        ('"1.4.2"}', '"1.4.2", config: {a: b}}', True),
        ("setWeight: 10\n", "setWeight: 11\n", True),
        ("app: demo-api", "app: other", False),
        ("app: demo-worker", "app: other", False),
        ("  strategy:\n", "  strategy:\n    soak: 11m\n", True),
        ("  strategy:\n", "  gates: {preflight: [{kind: http, path: /a}]}\n  strategy:\n", True),
        ('"127.0.0.1:8080"', '"127.0.0.1:8081"', False),
        ("prefix: /api", "prefix: /v2", False),
        ("name: frontend", "name: front", False),
    ],
)
def test_another_wish_has_another_digest(manifest: str, old: str, new: str, same_gateway: bool) -> None:
    one, other = good(manifest).spec, good(replaced(manifest, old, new)).spec
    assert one.digest != other.digest
    assert (one.gateway == other.gateway) is same_gateway


# ---- what a bad one gets ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("activeSlot: green", "activSlot: green", "6:3: unknown key 'activSlot'; did you mean 'activeSlot'?"),
        ("kind: Environment", "kind: Enviroment", "2:7: expected 'Environment', found 'Enviroment'"),
        (
            "name: production",
            "name: Prod_1",
            "4:9: 'Prod_1', expected a name of small letters, digits and dashes, at most 63",
        ),
        ('"1.4.1"', "1.10", "8:21: 'version' must be a quoted string: \"1.10\""),
        (
            '"1.4.1"',
            '"../x"',
            "8:21: '../x', expected a version that starts with a letter or digit and holds letters, digits",
        ),
        ('"1.4.1"', "", "8:21: expected text, found nothing"),
        ('{version: "1.4.1"}', "1.4.1", "8:11: expected a mapping (key: value), found '1.4.1'"),
        ('"1.4.1"}', '"1.4.1", config: {a: 5}}', "8:42: 'a' must be a quoted string: \"5\""),
        (
            "traffic: exclusive",
            "traffic: exclusiv",
            "14:31: expected one of: weighted, exclusive; found 'exclusiv'; did you",
        ),
        (
            "kind: envoy",
            "kind: envoi",
            "10:19: expected one of: envoy, haproxy, iis-arr; found 'envoi'; did you mean 'envoy'?",
        ),
        ("listen:", "lisen:", "10:26: unknown key 'lisen'; did you mean 'listen'?"),
        ("{kind: process, app: demo-api}", "{app: demo-api}", "12:67: missing key 'kind' in host"),
        ("app: demo-api", "command: sh", "12:83: unknown key 'command'; expected one of: app, kind"),
        ("setWeight: 100", "setWeigth: 100", "18:9: unknown key 'setWeigth'; did you mean 'setWeight'?"),
        ("setWeight: 100", "setWeight: 101", "18:20: 101 is too large, expected at most 100"),
        ("setWeight: 100", "setWeight: many", "18:20: expected a whole number, found 'many'"),
        (
            "setWeight: 10\n",
            "pause: {duration: 5}\n",
            "17:27: '5', expected a duration with its unit: 500ms, 5s, 10m or 24h",
        ),
        ("setWeight: 10\n", "pause:\n", "17:15: expected a mapping (key: value), found nothing"),
        (
            "setWeight: 10\n",
            "{}\n",
            "17:9: expected exactly one of: setWeight, pause, analysis, handOver; found a mapping",
        ),
        (
            "setWeight: 10\n",
            "analysis: {until: confident, atMost: 1m}\n",
            "17:27: no enforced gate under `shift` can tell",
        ),
        (
            "  strategy:\n",
            "  gates: {shift: [{kind: sessions, write: {path: '/a?b={content}'}, read: {path: /}}]}\n  strategy:\n",
            "15:26: 'sessions' must begin before traffic moves: write it under `preflight`",
        ),
        (
            "  strategy:\n",
            "  gates: {preflight: [{kind: sessions, retention: '>= 5s', write: {path: /}}]}\n  strategy:\n",
            "15:51: '>= 5s', expected",
        ),
        ("setWeight: 10\n", "analysis: {}\n", "17:19: missing key 'atMost' in analysis"),
        (
            "  strategy:\n",
            "  strategy:\n    soak: 10 min\n",
            "16:11: '10 min', expected a duration with its unit: 500ms, 5s, 10m",
        ),
        ("handOver: [worker]", "handOver: worker", "19:19: expected a list, found 'worker'"),
        ("prefix: /api", "prefix: api", "12:54: 'api', expected a path that starts with /, such as /api"),
        ("prefix: /api", "prefix: /../x", "12:54: '/../x', expected a path that starts with /, such as /api"),
    ],
)
def test_a_mistake_is_told_with_place_expectation_and_nearest_name(
    manifest: str, old: str, new: str, problem: str
) -> None:
    assert any(one.startswith(problem) for one in told(replaced(manifest, old, new))), told(
        replaced(manifest, old, new)
    )


@pytest.mark.parametrize("key", ["critical"])
def test_what_only_comes_later_is_refused_and_not_ignored(manifest: str, key: str) -> None:
    assert told(with_spec(manifest, f"{key}: {{}}"))[0].startswith(f"20:3: unknown key '{key}'")


def test_a_recovery_point_becomes_part_of_the_spec(manifest: str) -> None:
    assert good(manifest).spec.snapshot is None
    said = "snapshot: {folders: [shared, uploads], command: db-backup}"
    found = good(with_spec(manifest, said))
    assert found.spec.snapshot == Snapshot(("shared", "uploads"), "db-backup")
    assert found.spec.digest != good(manifest).spec.digest
    assert good(with_spec(manifest, "snapshot: {folders: [shared]}")).spec.snapshot == Snapshot(("shared",))
    assert good(with_spec(manifest, "snapshot: {command: dump}")).spec.snapshot == Snapshot((), "dump")


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("{}", "20:3: nothing would be saved; name `folders`"),
        ("{folders: []}", "20:23: expected at least 1"),
        ("{folders: [a, a]}", "20:27: 'a' stands here twice"),
        ("{folders: [/etc]}", "20:24: '/etc', expected the name of something in the operator's file"),
        ("{folders: [../x]}", "20:24: '../x', expected the name of something in the operator's file"),
        ("{command: [pg_dump]}", "20:23: expected text"),
        ("{folder: [a]}", "20:14: unknown key 'folder'; did you mean 'folders'?"),
    ],
)
def test_a_recovery_point_of_nothing_or_of_a_path_is_refused(manifest: str, said: str, problem: str) -> None:
    found = told(with_spec(manifest, f"snapshot: {said}"))
    assert any(one.startswith(problem) for one in found), found


def test_a_migration_becomes_part_of_the_spec(manifest: str) -> None:
    said = "migrate: {command: upgrade, check: upgraded, oldVersionWorks: true}"
    assert good(with_spec(manifest, said)).spec.migration == Migration("upgrade", "upgraded", old_version_works=True)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("{command: upgrade, oldVersionWorks: true}", "20:12: missing key 'check' in migrate"),
        ("{command: upgrade, check: upgraded}", "20:12: missing key 'oldVersionWorks' in migrate"),
        ("{command: /bin/sh, check: upgraded, oldVersionWorks: true}", "20:22: '/bin/sh'"),
        ("{command: a, check: b, oldVersionWorks: false}", "17:20: both versions would run on the migrated data"),
        ("{command: a, check: b, oldVersionWorks: maybe}", "20:52: expected true or false"),
        ("{command: a, check: a, oldVersionWorks: true}", "20:32: command and check are the same"),
    ],
)
def test_a_migration_that_makes_no_sense_is_refused_with_its_place(manifest: str, said: str, problem: str) -> None:
    found = told(with_spec(manifest, f"migrate: {said}"))
    assert any(one.startswith(problem) for one in found), found


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('    green: {version: "1.4.2"}\n', "", "6:15: slot 'green' is not pinned"),
        ("setWeight: 100", "setWeight: 10", "18:20: 10 does not rise above 10"),
        ("setWeight: 100", "setWeight: 50", "18:20: the last weight is 50, expected 100"),
        ("setWeight: 10\n", "handOver: [worker]\n", "17:9: members change hands before the last setWeight"),
        ("[worker]", "[worke]", "19:20: unknown member 'worke'; did you mean 'worker'?"),
        ("[worker]", "[worker, api]", "19:28: member 'api' is weighted"),
        ("[worker]", "[worker, worker]", "19:28: member 'worker' changes hands twice"),
        ("name: frontend", "name: api", "13:14: there are two members 'api'"),
        ("prefix: /api", "prefix: /", "13:7: 'frontend' and 'api' both match prefix '/'"),
        (
            "name: frontend, traffic: weighted",
            "name: f, traffic: weighted, match: {prefix: /api/}",
            "13:52: 'f' and 'api' both",
        ),
        (
            "traffic: exclusive",
            "traffic: exclusive, match: {prefix: /w}",
            "14:42: an exclusive member gets no requests",
        ),
    ],
)
def test_what_makes_no_sense_is_told_where_it_is_said(manifest: str, old: str, new: str, problem: str) -> None:
    assert any(one.startswith(problem) for one in told(replaced(manifest, old, new))), told(
        replaced(manifest, old, new)
    )


def test_some_member_must_take_the_gateways_requests(manifest: str) -> None:
    text = manifest.replace("traffic: weighted, match: {prefix: /api}", "traffic: exclusive")
    assert told(text.replace("traffic: weighted", "traffic: exclusive"))[0].startswith("11:3: no member is weighted")


def test_steps_must_set_a_weight(manifest: str) -> None:
    text = manifest.replace("      - setWeight: 10\n", "").replace("      - setWeight: 100\n", "")
    assert told(text)[0].startswith("16:5: no step sets a weight")


def test_two_gates_may_not_share_a_name(manifest: str) -> None:
    gates = "gates: {preflight: [{kind: http, path: /, name: a}], shift: [{kind: http, path: /, name: a}]}"
    assert told(with_spec(manifest, gates))[0].startswith("20:92: there are two gates 'a'")


def test_every_mistake_is_told_at_once_in_the_order_of_the_file(manifest: str) -> None:
    text = replaced(manifest, "activeSlot: green", "activSlot: green")
    text = replaced(text, '"1.4.1"', "1.10")
    text = replaced(text, "name: frontend", "name: api")
    text = replaced(text, "setWeight: 100", "setWeight: 5")
    text = with_spec(text, "onFailure: no", "driftDetection: {mode: warn, mode: warn}", "extra: &x 1")
    places = [one.rpartition(": ")[0].split(": ")[0] for one in told(text)]
    assert places == ["6:3", "8:21", "13:14", "18:20", "18:20", "20:14", "21:32", "22:3", "22:10"]


def test_no_message_is_a_raw_dump(manifest: str) -> None:
    text = manifest.replace("weighted", "5").replace("kind: process", "kind: [1, {a: b}]").replace("steps:", "stepz:")
    for one in told(text):
        assert "is not valid under" not in one
        assert "Failed validating" not in one
        assert len(one) < 200


def test_a_settings_own_objection_is_told_at_its_place(manifest: str) -> None:
    assert told(replaced(manifest, '"127.0.0.1:8080"', '"nowhere"'))[0].startswith("10:34: ")


def test_a_broken_manifest_keeps_its_name_when_that_can_be_read(manifest: str) -> None:
    found = read(replaced(manifest, "activeSlot: green", "activeSlot: red").encode(), "x.yaml")
    assert isinstance(found, Invalid)
    assert found.name == "production"
    lost = read(replaced(manifest, "name: production", "name: [1]").encode(), "x.yaml")
    assert isinstance(lost, Invalid)
    assert lost.name is None


@pytest.mark.parametrize("text", ["5", "[1, 2]", "just text", "a: b"])
def test_a_file_of_another_shape_is_a_problem(text: str) -> None:
    assert told(text)


def test_windows_line_ends_change_nothing(manifest: str) -> None:
    assert good(manifest.replace("\n", "\r\n")).spec == good(manifest).spec


def test_one_misspelt_word_is_one_problem(manifest: str) -> None:
    assert len(told(replaced(manifest, "traffic: exclusive", "traffic: exclusiv"))) == 1
    assert len(told(replaced(manifest, "activeSlot: green", "activSlot: green"))) == 1


def test_a_message_holds_nothing_that_a_terminal_would_obey(manifest: str) -> None:
    for one in told(replaced(manifest, '"1.4.1"', r'"\e[2J\u202E"')):
        assert one.isprintable()


DELAY = "kind: queue-delay, sql: oldest, unit: s"
PROMETHEUS = 'kind: prometheus, server: "http://127.0.0.1:9090", query: x'


@pytest.mark.parametrize(
    ("gate", "place", "problem"),
    [
        (DELAY, "{", "missing key 'limit' in preflight"),
        (f'{DELAY}, limit: "<= 60"', '"<=', "'<= 60' has a unit that does not fit here, expected a duration"),
        (f'{DELAY}, limit: "<= 60 %"', '"<=', "'<= 60 %' has a unit that does not fit here"),
        (f'{DELAY}, limit: ">= 60s"', '">=', "'>= 60s' is the wrong way round"),
        (f"{DELAY}, limit: 60", "60", "'60', expected a limit such as '<= 60s'"),
        (f'{DELAY}, limit: "60 s"', '"60', "'60 s', expected a limit such as '<= 60s'"),
        ("kind: queue-drained, folder: a, sql: b", "{", "expected exactly one of: folder, http, prometheus, sql"),
        ("kind: queue-drained, folder: a, limit: <= 5s", "<=", "'<= 5s' has a unit that does not fit here"),
        (f"{PROMETHEUS}, limit: <= 1 %", "<=", "'<= 1 %' has a unit that does not fit here, expected a plain number"),
        (f"{PROMETHEUS}, limit: <= 1, unit: seconds", "seconds", "expected one of: ms, s, m, h, percent, ratio; found"),
        ("kind: command, command: a b", "a b", "'a b', expected the name of something in the operator's file"),
        ("kind: commnd, command: a", "commnd", "expected one of: command, folder-parity, http, migration, prometheus"),
        ("kind: tcp, host: db, port: 70000", "70000", "70000 is too large, expected at most 65535"),
    ],
)
def test_a_gate_that_makes_no_sense_is_told_with_its_place(manifest: str, gate: str, place: str, problem: str) -> None:
    text = f"{manifest}  gates:\n    preflight:\n      - {{{gate}}}\n"
    column = text.splitlines()[-1].index(place) + 1
    found = told(text)
    assert any(one.startswith(f"22:{column}: {problem}") for one in found), found


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (("gates:", "  migrate: [{kind: migration, command: dry}]"), "nothing is migrated here"),
        (
            (
                "migrate: {command: a, check: b, oldVersionWorks: true}",
                "gates: {migrate: [{kind: http, path: /healthz}]}",
            ),
            "this asks the newcomer",
        ),
        (
            ("migrate: {command: a, check: b, oldVersionWorks: true}", "gates: {migrate: [{kind: regression}]}"),
            "this asks the newcomer",
        ),
    ],
)
def test_a_gate_that_could_never_be_asked_or_be_good_is_refused(
    manifest: str, lines: tuple[str, ...], problem: str
) -> None:
    assert any(problem in one for one in told(with_spec(manifest, *lines)))


def test_gates_of_a_hand_over_need_a_member_that_is_handed_over(manifest: str) -> None:
    alone = re.sub(r".*exclusive.*\n", "", manifest).replace("      - handOver: [worker]\n", "")
    found = told(with_spec(alone, "gates: {handOver: [{kind: command, command: a}]}"))
    assert any("no member is exclusive" in one for one in found), found


ASKED = "approvals: {before: [shift], "


@pytest.mark.parametrize(
    ("line", "place", "problem"),
    [
        (ASKED + "approvers: [a, b, A]}", "A]", "'A' stands here twice; remove one"),
        (ASKED + "approvers: [a, b], minimum: 3}", "3", "3 must agree, and there are only 2 approvers"),
        (ASKED + "approvers: [a, a], minimum: 2}", "2", "2 must agree, and there are only 1 approvers"),
        ("approvals: {before: [shift, migrate]}", "migrate", "nothing is migrated here, so this would never be asked"),
    ],
)
def test_an_approval_that_could_never_be_given_or_asked_is_refused(
    manifest: str, line: str, place: str, problem: str
) -> None:
    text = with_spec(manifest, line)
    row = next(number for number, one in enumerate(text.splitlines(), 1) if line in one)
    column = text.splitlines()[row - 1].rindex(place) + 1
    assert any(one.startswith(f"{row}:{column}: {problem}") for one in told(text)), told(text)


def test_an_approval_of_a_hand_over_needs_a_member_that_is_handed_over(manifest: str) -> None:
    alone = re.sub(r".*exclusive.*\n", "", manifest).replace("      - handOver: [worker]\n", "")
    found = told(with_spec(alone, "approvals: {before: [handOver]}"))
    assert any("no member is exclusive, so nothing is handed over and this would" in one for one in found), found


# ---- windows ---------------------------------------------------------------------------------------------------------


def windows(text: str, *entries: str) -> str:
    return with_spec(text, "windows:", *(f"  - {{{entry}}}" for entry in entries))


def test_windows_arrive_and_a_zone_is_utc_unless_it_is_named(manifest: str) -> None:
    night, freeze = good(
        windows(
            manifest,
            'allow: "0 22 * * 1-5", duration: 4h, timeZone: Asia/Seoul',
            'deny: "0 0 24 12 *", duration: 240h, reason: year-end closing',
        )
    ).windows
    assert (night.allow, night.deny, night.duration, night.time_zone) == ("0 22 * * 1-5", None, 14400.0, "Asia/Seoul")
    assert (freeze.deny, freeze.time_zone, freeze.reason) == ("0 0 24 12 *", "UTC", "year-end closing")


@pytest.mark.parametrize(
    ("entry", "place", "saying"),
    [
        ("duration: 1h", "21:7", "expected one of allow and deny"),
        ('allow: "0 1 * * *", deny: "0 2 * * *", duration: 1h', "21:28", "make two windows of it"),
        ('allow: "0 25 * * *", duration: 1h', "21:15", "the hour cannot be '25'; write `0 22 * * 1-5`"),
        ('allow: "0 1 * * * *", duration: 1h', "21:15", "expected five fields: minute hour day month weekday; found 6"),
        ('deny: "@daily", duration: 1h', "21:14", "expected five fields"),
        ('deny: "0 0 30 2 *", duration: 1h', "21:14", "never comes: there is no such day"),
        ('deny: "0 1 * * *", duration: 1h, timeZone: Asia/Soul', "21:51", "did you mean 'Asia/Seoul'?"),
        ('deny: "0 1 * * *", duration: 1h, timeZone: KST', "21:51", "expected a name of the IANA list"),
        ('deny: "* * * * *", duration: 1m', "20:3", "leave no moment in which a transition may go forward"),
        ('deny: "0 1 * * *", duration: 745h', "21:37", "expected at most 744h"),
        ('deny: "0 1 * * *", duration: 0s', "21:37", "expected more than 0s"),
    ],
)
def test_a_window_that_makes_no_sense_is_told_with_its_place(
    manifest: str, entry: str, place: str, saying: str
) -> None:
    (found,) = told(windows(manifest, entry))
    assert found.startswith(f"{place}: ")
    assert saying in found


def test_an_allow_that_always_falls_into_a_deny_leaves_no_moment(manifest: str) -> None:
    (found,) = told(windows(manifest, 'allow: "0 22 * * *", duration: 1h', 'deny: "0 21 * * *", duration: 3h'))
    assert "leave no moment" in found
