from __future__ import annotations

import sys

import pytest

from reconciler.desired.yaml_strict import DEEPEST, MOST_PROBLEMS, Parsed, parse


def told(text: str | bytes) -> list[tuple[int, int, str]]:
    parsed = parse(text if isinstance(text, bytes) else text.encode(), "f.yaml")
    return [(one.line, one.column, one.message) for one in parsed.problems]


def only(text: str | bytes) -> tuple[int, int, str]:
    (one,) = told(text)
    return one


def clean(text: str) -> Parsed:
    parsed = parse(text.encode(), "f.yaml")
    assert not parsed.problems
    return parsed


def test_plain_data_is_read_as_every_reader_reads_it() -> None:
    text = (
        "a: 1\nb: [x, -2, 1.5, true, false, ~, null]\nc: {d: 'no', e: \"012\"}\nf: |\n  two\n  lines\ng: 127.0.0.1:80\n"
    )
    assert clean(text).data == {
        "a": 1,
        "b": ["x", -2, 1.5, True, False, None, None],
        "c": {"d": "no", "e": "012"},
        "f": "two\nlines\n",
        "g": "127.0.0.1:80",
    }


def test_everything_has_its_place_counted_in_characters() -> None:
    parsed = clean("é😀:\r\n  - {ü: 'ñ', b: 1.10}\r\n")
    value = parsed.places["é😀", 0, "b"]
    assert (value.line, value.column, value.key, value.raw) == (2, 17, (2, 14), "1.10")
    assert parsed.places["é😀", 0].key == (2, 5)


def test_a_byte_order_mark_moves_no_place() -> None:
    parsed = parse(b"\xef\xbb\xbfa: 1\n", "f.yaml")
    assert parsed.data == {"a": 1}
    assert parsed.places["a",].column == 4


SURPRISES = """no No yes on OFF y True FALSE NULL 012 0x1F 0o17 0b1 1_000 1:30 12:30:45 +1 .5 1. 1e3 1.5e3 .inf -.INF
.NaN 2024-01-02 2024-01-02T03:04:05Z ="""


@pytest.mark.parametrize("word", SURPRISES.split())
def test_a_scalar_that_readers_disagree_about_is_refused(word: str) -> None:
    line, column, message = only(f"a:\n  b: {word}\n")
    assert (line, column) == (2, 6)
    assert 'quote it: "' in message


def test_a_number_of_any_length_is_refused_quickly() -> None:
    assert only(f"a: {'9' * 5000}")[:2] == (1, 4)
    assert only(f"a: {'9' * 5000}.5")[:2] == (1, 4)


@pytest.mark.parametrize("word", ["no", "012", "1:30", "2024-01-02", "=", "null"])
def test_the_same_scalar_in_quotes_is_text(word: str) -> None:
    assert clean(f"a: '{word}'").data == {"a": word}


@pytest.mark.parametrize("word", ["1.4.2", "v1", "10m", "500ms", "nothing", "1.2.3-rc.1+b5", "a:b", "-", "2024-1"])
def test_ordinary_words_stay_text(word: str) -> None:
    assert clean(f"a: '{word}'" if word == "-" else f"a: {word}").data == {"a": word}


def test_a_duplicate_key_names_both_places() -> None:
    text = "a: 1\nb:\n  c: 1\n  d: {x: [1, 2]}\n  c: {x: 1}\n"
    assert only(text) == (5, 3, "duplicate key 'c', first in line 3; remove one")
    assert parse(text.encode(), "f").data["b"]["c"] == 1


def test_aliases_anchors_tags_and_merge_keys_are_refused_all_at_once() -> None:
    text = "a: &x {k: 1}\nb: *x\nc:\n  <<: *x\nd: !!str 5\ne: !thing [1]\n"
    found = told(text)
    assert [(line, column) for line, column, _ in found] == [(1, 4), (2, 4), (4, 3), (4, 7), (5, 4), (6, 4)]
    words = ("anchor '&x'", "alias '*x'", "merge key", "alias '*x'", "tag", "tag '!thing'")
    assert all(word in message for word, (_, _, message) in zip(words, found, strict=True))


def test_an_alias_bomb_is_refused_and_never_built() -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 30))
    parsed = parse(f"l0: &l0 [x]\n{levels}".encode(), "f.yaml")
    assert len(parsed.problems) == MOST_PROBLEMS
    assert all(len(value) <= 9 and all(item in (None, "x") for item in value) for value in parsed.data.values())


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 50_000, "- " * 50_000, "{" * 20_000])
def test_endless_nesting_is_refused_without_recursion(text: str) -> None:
    before = sys.getrecursionlimit()
    assert told(text)
    assert sys.getrecursionlimit() == before


def test_nesting_is_allowed_down_to_a_limit() -> None:
    clean("[" * DEEPEST + "]" * DEEPEST)
    line, column, message = only("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1))
    assert (line, column, message) == (1, DEEPEST + 1, f"nested deeper than {DEEPEST} levels")


def test_a_second_document_is_refused_where_it_starts() -> None:
    assert only("a: 1\n---\nb: 2\n")[:2] == (2, 1)


def test_bytes_that_are_not_utf8_are_refused_where_they_are() -> None:
    assert only("a: é\r\nb: ".encode() + b"\xff\n") == (2, 4, "byte 0xff is not UTF-8; save the file as UTF-8")
    assert only("a: 1\n".encode("utf-16"))[:2] == (1, 1)


def test_an_invisible_character_is_refused_where_it_is() -> None:
    assert only("a: 1\nb: é\x00\n") == (2, 5, "the invisible character U+0000 is not allowed; remove it")


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "~\n"])
def test_an_empty_file_says_what_was_expected(text: str) -> None:
    line, column, message = only(text)
    assert (line, column) == (1, 1)
    assert "empty" in message
    assert "apiVersion" in message


def test_broken_syntax_is_told_with_its_place_beside_what_was_found_before() -> None:
    assert [one[:2] for one in told("a: no\nb: [1,\nc: }\n")] == [(1, 4), (3, 4)]


@pytest.mark.parametrize("text", ["? [a]\n: b\n", "{{ template }}\n", "{a: 1}: b\n", "*x : b\n"])
def test_a_key_that_is_no_text_is_refused(text: str) -> None:
    assert "a key must be text" in told(text)[-1][2]


@pytest.mark.parametrize("key", ["on", "1", "1.5", "true", "~", "012"])
def test_a_key_that_is_not_text_to_every_reader_is_refused(key: str) -> None:
    assert only(f"a:\n  {key}: x\n")[:2] == (2, 3)


def test_all_problems_of_a_file_are_told_at_once_up_to_a_bound() -> None:
    assert len(told("\n".join(f"k{n}: no" for n in range(10)))) == 10
    assert len(told("\n".join(f"k{n}: no" for n in range(1000)))) == MOST_PROBLEMS
