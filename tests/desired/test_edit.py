"""One value of a manifest's text is changed, and every other byte stays where it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired.edit import pinned, switched
from reconciler.desired.manifest import Manifest, read
from reconciler.desired.yaml_strict import parse
from reconciler.errors import InvalidDesired

FILE = "environments/production.yaml"
HEAD = "apiVersion: reconciler/v1alpha1\nkind: Environment\nmetadata:\n  name: production\n"
TAIL = """\
  gateway: {kind: envoy, listen: "127.0.0.1:8080"}
  members:
    - {name: api, traffic: weighted, host: {kind: process, app: demo-api}}
"""
remarks = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="\ufeff")
)
breaks = st.sampled_from(["\n", "\r\n"])
quotes = st.sampled_from(["", '"', "'"])


def allowed(text: str) -> bool:
    return not parse(f"a: 1 # {text}\n".encode(), "f").problems


comments = st.one_of(st.just(""), remarks.filter(allowed).map(lambda text: f"   # {text}"))


@st.composite
def around(draw: st.DrawFn) -> tuple[str, str, str, bytes]:
    """Slots in every style, as (before the version of green, after it, line break), and the file's first bytes."""
    comment, other = draw(comments), draw(comments)
    config = draw(st.sampled_from(["", ', config: {a: "{[#: é"}', ", config: {'version': 'x'}"]))
    styles = {
        "pins in brackets": (
            f'  slots:{comment}\n    blue: {{version: "1"}}\n    green: {{version: ',
            f"{config}}}{other}\n",
        ),
        "all in brackets": ('  slots: {blue: {version: "1"}, green: {version: ', f"{config}}} }}{comment}\n"),
        "no brackets": (
            f"  slots:\n{comment}\n      green:{other}\n            version: ",
            f"{comment}\n            config:\n              a: |\n                é {other}\n"
            "      blue: {version: '1'}\n",
        ),
        "its own line": (
            f"  slots:\n    blue: {{version: '1'}}\n    green:\n      version:{comment}\n        ",
            f"{other}\n",
        ),
    }
    before, after = styles[draw(st.sampled_from(sorted(styles)))]
    return before, after, draw(breaks), draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))


def data(mark: bytes, text: str, end: str) -> bytes:
    return mark + text.replace("\n", end).encode()


@given(around(), quotes, comments, st.booleans())
def test_a_switch_changes_the_slots_name_and_no_other_byte(around, quote, comment, last) -> None:  # type: ignore[no-untyped-def]
    before, after, end, mark = around
    slots = f'{before}"2"{after}'

    def text(slot: str) -> str:
        line = f"  activeSlot: {quote}{slot}{quote}{comment}\n"
        return f"{HEAD}spec:\n{slots + TAIL + line if last else line + slots + TAIL}"

    found = switched(data(mark, text("blue"), end), FILE, "green")
    assert found == data(mark, text("green"), end)
    assert parse(found, FILE).data["spec"]["activeSlot"] == "green"
    assert isinstance(read(found, FILE), Manifest)


@given(around(), quotes, st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,20}", fullmatch=True))
def test_a_pin_changes_the_version_and_no_other_byte_and_is_always_text(around, quote, version) -> None:  # type: ignore[no-untyped-def]
    before, after, end, mark = around

    def text(written: str) -> bytes:
        return data(mark, f"{HEAD}spec:\n  activeSlot: blue\n{before}{written}{after}{TAIL}", end)

    found = pinned(text(f"{quote}v2{quote}"), FILE, "green", version)
    new = quote if version == "v2" else quote or '"'
    assert found == text(f"{new}{version}{new}")
    assert parse(found, FILE).data["spec"]["slots"]["green"]["version"] == version
    assert isinstance(read(found, FILE), Manifest)


NEW = [
    ('  slots:\n    blue: {version: "1"} # é\n', '  slots:\n    blue: {version: "1"} # é\n    green: {version: "2"}\n'),
    ("  slots: {blue: {version: '1'}}\n", "  slots: {blue: {version: '1'}, green: {version: \"2\"}}\n"),
    (
        "  slots: {\n    blue: {version: '1'},\n  }\n",
        "  slots: {\n    blue: {version: '1'}, green: {version: \"2\"},\n  }\n",
    ),
    (
        '  slots:\n   blue:\n       version: "1" # one\n\n',
        '  slots:\n   blue:\n       version: "1" # one\n   green:\n       version: "2"\n\n',
    ),
    (
        '  slots:\n    blue:\n      version: "1"\n      config:\n        a: |\n          x\n          y\n',
        '  slots:\n    blue:\n      version: "1"\n      config:\n        a: |\n          x\n          y\n'
        '    green:\n      version: "2"\n',
    ),
    (
        '  slots:\n    blue: {version: "1"}\n    green: # none\n',
        '  slots:\n    blue: {version: "1"}\n    green: {version: "2"} # none\n',
    ),
    (
        '  slots:\n    green: null\n    blue: {version: "1"}\n',
        '  slots:\n    green: {version: "2"}\n    blue: {version: "1"}\n',
    ),
    ('  slots: {green: , blue: {version: "1"}}\n', '  slots: {green: {version: "2"}, blue: {version: "1"}}\n'),
]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(("before", "after"), NEW)
def test_a_slot_without_a_pin_gets_one_in_the_style_of_the_other(before: str, after: str, end: str) -> None:
    text = f"{HEAD}spec:\n  activeSlot: blue\n%s{TAIL}"
    assert pinned(data(b"", text % before, end), FILE, "green", "2") == data(b"", text % after, end)


def test_a_pin_is_added_at_the_end_of_a_file_that_has_no_last_line_end() -> None:
    text = f'{HEAD}spec:\n  activeSlot: blue\n{TAIL}  slots:\n    blue: {{version: "1"}}'
    assert pinned(text.encode(), FILE, "green", "2") == f'{text}\n    green: {{version: "2"}}'.encode()


@pytest.mark.parametrize("written", ["green", "'green'", '"green"', '"gr\\x65en"'])
def test_what_is_so_already_stays_byte_for_byte(written: str) -> None:
    text = f"{HEAD}spec:\n  activeSlot: {written}\n  slots: {{green: {{version: v1}}}}\n{TAIL}".encode()
    assert switched(text, FILE, "green") == text
    assert pinned(text, FILE, "green", "v1") == text


@pytest.mark.parametrize(
    "text",
    [
        "spec:\n  activeSlot: >-\n    blue\n",
        "spec:\n  slots: {}\n",
        "spec: [activeSlot]\n",
        "activeSlot: blue\n",
        "just text\n",
    ],
)
def test_what_cannot_be_changed_safely_is_refused_with_its_place_and_left_to_a_person(text: str) -> None:
    with pytest.raises(InvalidDesired, match=rf"{FILE}:\d+:\d+: .*by hand: spec.activeSlot: green"):
        switched(text.encode(), FILE, "green")


@pytest.mark.parametrize("text", ["spec:\n  slots: {}\n", "spec:\n  slots: {green}\n", "a: 1\n"])
def test_a_pin_that_has_nowhere_to_go_is_refused_and_told(text: str) -> None:
    with pytest.raises(InvalidDesired, match=r"by hand: spec\.slots\.green"):
        pinned(text.encode(), FILE, "green", "2")


def test_a_text_that_cannot_be_read_is_refused_with_what_is_wrong() -> None:
    with pytest.raises(InvalidDesired, match="duplicate key"):
        switched(b"spec:\n  activeSlot: blue\n  activeSlot: blue\n", FILE, "green")
