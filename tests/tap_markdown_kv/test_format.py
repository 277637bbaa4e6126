"""The format: what a text means, and that any record survives being written and read."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_adapters.markdown_kv.front_matter import FrontMatterError
from tap_adapters.markdown_kv.parse import parse
from tap_adapters.markdown_kv.rows import ROW_PER_KV
from tap_adapters.markdown_kv.write import document_of, record_of, write

HOSTILE = [
    "", " ", "5", "1.50", "-0", "1e5", "true", "null", "~", "yes", "007", "2024-01-01", '"', '"q"', "{", "[1", "[]",
    "{}", "a\nb", "a\n\nb", "\n", "a\n", " a", "a ", "a\r\nb", "a\rb", "---", "...", "# x", "x:: y", "a: b", "a #b",
    "```", "- **a**: b", "\u2028", "\x85", "\ufeff", "\x00", "\x7f", "\\", "\\n", "é", "😀", "&a", "*a", "!!int 5",
    "x" * 1100, "'", "|", ">",
]  # fmt: skip
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(HOSTILE)
SCALARS = st.integers() | st.decimals(allow_nan=False, allow_infinity=False) | st.booleans() | st.none() | TEXTS
VALUES = st.recursive(SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(TEXTS, v, max_size=3), max_leaves=6)
RECORDS = st.dictionaries(st.sampled_from(["id", "doc_id", "title"]) | TEXTS, VALUES, max_size=5)


def _rows(text: str) -> list[tuple[Any, ...]]:
    rows = ROW_PER_KV.rows(parse(text), "7", "2026-01-01T00:00:00Z")
    return [(row["section"], row["key"], row["value"], row["value_json"], row["ord"]) for row in rows]


@settings(max_examples=200, deadline=None)
@given(RECORDS, st.none() | TEXTS)
def test_any_record_survives_being_written_and_read(record: dict[str, Any], doc_id: str | None) -> None:
    document = parse(write(record, doc_id))
    assert document == document_of(record, doc_id)
    found = record_of(document)
    if doc_id is not None:
        assert document.front_matter("doc_id") == doc_id
        found = found if "doc_id" in record else {key: value for key, value in found.items() if key != "doc_id"}
    assert found == record


PIECES = [
    "---\n",
    "a: ",
    "? ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    "&a ",
    "*a",
    "!!x ",
    "|\n",
    ">-\n",
    "%",
    "@",
    "\t",
    "# ",
    "k:: ",
    "\n",
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | TEXTS, max_size=12).map("".join), st.booleans())
def test_any_text_is_a_document_or_has_unusable_front_matter(text: str, opened: bool) -> None:
    text = f"---\n{text}\n---\n" if opened else text
    try:
        document = parse(text)
    except FrontMatterError:
        return
    assert document.raw == text
    assert list(ROW_PER_KV.rows(document, "7", "m")) == list(ROW_PER_KV.rows(parse(text), "7", "m"))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_survive_as_key_as_value_and_as_name(text: str) -> None:
    record = {"id": text, text: text, "n": [text, {text: 1}]}
    assert record_of(parse(write(record, text))) == record | {"doc_id": text}


def test_kinds_of_values_are_told_apart() -> None:
    record = {
        "a": 5,
        "b": "5",
        "c": True,
        "d": "true",
        "e": None,
        "f": "null",
        "g": "",
        "h": Decimal("1.10"),
        "i": "1.10",
    }
    found = record_of(parse(write(record)))
    assert found == record
    assert {key: type(value) for key, value in found.items()} == {key: type(value) for key, value in record.items()}
    assert str(found["h"]) == "1.10"


def test_what_is_written_is_what_people_would_write() -> None:
    record = {"id": 7, "title": "Widget", "color": "red", "dims": {"w": 2}, "note": "first\nsecond"}
    assert write(record) == ('---\nid: 7\ntitle: Widget\n---\n\ncolor:: red\ndims:: {"w":2}\nnote:: first\n  second\n')


def test_front_matter_and_pairs_become_rows_in_one_order() -> None:
    assert _rows('---\nid: 7\ntitle: Widget\n---\n\ncolor:: red\ndims:: {"w": 2}\n') == [
        ("_front_matter", "id", "7", None, 0),
        ("_front_matter", "title", "Widget", None, 1),
        ("_default", "color", "red", None, 2),
        ("_default", "dims", '{"w": 2}', '{"w": 2}', 3),
    ]


def test_pairs_before_the_first_heading_are_kept() -> None:
    assert _rows("a:: 1\n# First ##\nb:: 2\n### Third\nc:: 3\n") == [
        ("_default", "a", "1", None, 0),
        ("First", "b", "2", None, 1),
        ("Third", "c", "3", None, 2),
    ]


def test_prose_is_kept_as_text_of_its_section() -> None:
    document = parse("Hello.\n\n## A\nb:: 1\nmore\n```\n# no heading\nc:: 2\n```\n")
    assert [(s.name, s.level, s.text, [p.key for p in s.pairs]) for s in document.sections] == [
        ("_default", 0, "Hello.", []),
        ("A", 2, "more\n```\n# no heading\nc:: 2\n```", ["b"]),
    ]


def test_a_value_goes_on_in_indented_lines_and_over_blank_ones() -> None:
    assert _rows("a:: one\n  two\n\n\tthree\nb::\n  only\n\nplain\n  c:: 1\n") == [
        ("_default", "a", "one\ntwo\n\nthree", None, 0),
        ("_default", "b", "only", None, 1),
        ("_default", "c", "1", None, 2),
    ]


def test_json_alone_counts_as_json() -> None:
    rows = _rows('a:: [1, 2]\nb:: 5\nc:: true\nd:: {bad\ne:: "x\\ny"\nf::\ng:: null\n')
    assert [(key, value, json) for _, key, value, json, _ in rows] == [
        ("a", "[1, 2]", "[1, 2]"),
        ("b", "5", None),
        ("c", "true", None),
        ("d", "{bad", None),
        ("e", "x\ny", None),
        ("f", "", None),
        ("g", None, None),
    ]


def test_bullets_with_a_bold_key_are_pairs() -> None:
    assert _rows("# Card\n- **Name**: Ada\n- **Born:** 1815\n- plain\n") == [
        ("Card", "Name", "Ada", None, 0),
        ("Card", "Born", "1815", None, 1),
    ]


def test_windows_line_ends_and_a_byte_order_mark_are_no_part_of_it() -> None:
    assert _rows("\ufeff---\r\nid: 7\r\n---\r\na:: 1\r\n  2\r\n") == [
        ("_front_matter", "id", "7", None, 0),
        ("_default", "a", "1\n2", None, 1),
    ]


def test_yaml_of_the_front_matter_is_not_guessed_at() -> None:
    text = "---\nid: 007\nday: 2024-01-01\nprice: 1.10\nok: yes\nnone: ~\ntags: [a, 1]\nlong: |\n  x\n  y\n---\n"
    assert record_of(parse(text)) == {
        "id": "007", "day": "2024-01-01", "price": Decimal("1.10"), "ok": "yes", "none": None, "tags": ["a", 1],
        "long": "x\ny\n",
    }  # fmt: skip


def test_a_rule_that_opens_a_document_is_no_front_matter() -> None:
    document = parse("---\njust text\n---\na:: 1\n")
    assert [(s.name, s.text) for s in document.sections] == [("_default", "---\njust text\n---")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("---\na: [1\n---\n", "not valid YAML (line "),
        ("---\na: &x [1]\nb: *x\n---\n", "a YAML alias"),
        ("---\n? [1]\n: 2\n---\n", "a key of it is no text"),
        (f"---\na: {'[' * 60}{']' * 60}\n---\n", "nested more than 50 deep"),
    ],
)
def test_unusable_front_matter_is_an_error(text: str, expected: str) -> None:
    with pytest.raises(FrontMatterError) as caught:
        parse(text)
    assert expected in str(caught.value)


def test_a_bracket_storm_is_text() -> None:
    storm = "[" * 100_000
    assert _rows(f"a:: {storm}\n") == [("_default", "a", storm, None, 0)]
