from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from target_dativo_iceberg.contract.reading.document import plain, written
from target_dativo_iceberg.contract.reading.yaml_text import MAX_BYTES, parse
from target_dativo_iceberg.errors import ContractError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("NO", "NO"),
        ("on", "on"),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-0", 0),
        ("007", "007"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("3.10", Decimal("3.10")),
        ("1e3", Decimal("1e3")),
        ("e5", "e5"),
        ("1.", "1."),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("1e9999", "1e9999"),
        ("2024-05-01", "2024-05-01"),
        ("2024-05-01T10:00:00Z", "2024-05-01T10:00:00Z"),
        ("'5'", "5"),
        ('"true"', "true"),
        ("!!str 5", "5"),
        ("!!int 5", 5),
        ("! 5", "5"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_scalars_mean_what_their_author_wrote(text: str, value: object) -> None:
    read = parse(f"k: {text}".encode(), "c.yaml")["k"]
    assert (read, type(read)) == (value, type(value))


def test_a_number_gives_back_its_digits() -> None:
    assert [written(v) for v in parse(b"k: [3.10, 1.0, 7, true, null]", "c.yaml")["k"]] == [
        "3.10",
        "1.0",
        "7",
        "true",
        "",
    ]


def test_blocks_and_items_know_their_lines() -> None:
    root = parse(b"a: 1\n\nb:\n  - x\n  - k: v\n    l: w\n", "c.yaml")
    assert root.lines == {"a": 1, "b": 3}
    assert root["b"].lines == [4, 5]
    assert root["b"][1].lines == {"k": 5, "l": 6}


def test_anchors_aliases_and_merge_keys_are_read() -> None:
    root = parse(b"base: &b {x: 1, y: 2}\nuse: {<<: *b, y: 3}\nboth: {<<: [*b, {z: 4}]}\nsame: *b\n", "c.yaml")
    assert plain(root) == {
        "base": {"x": 1, "y": 2},
        "use": {"x": 1, "y": 3},
        "both": {"x": 1, "y": 2, "z": 4},
        "same": {"x": 1, "y": 2},
    }


def test_json_is_read_with_tabs_and_escaped_pairs() -> None:
    text = '{\n\t"name": "\\ud83d\\ude00 \\\\ud83d",\n\t"n": 1.50, "t": "a\\tb"}'
    assert plain(parse(text.encode(), "c.json")) == {"name": "\U0001f600 \\ud83d", "n": 1.5, "t": "a\tb"}


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert parse("k: ä".encode("utf-8-sig"), "c.yaml") == {"k": "ä"}


BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a: 1\nb: 2\na: 3\n", "c.yaml:3: key 'a' stands twice, first on line 1: keep one of the two"),
        ("a:\n  b: 1\n  'b': 2\n", "c.yaml:3: key 'b' stands twice, first on line 2: keep one of the two"),
        ("", "c.yaml:1: the document is not a mapping: start it with `apiVersion:` and `kind:`"),
        ("- a\n", "c.yaml:1: the document is not a mapping: start it with `apiVersion:` and `kind:`"),
        ("a: 1\n---\nb: 1\n", "c.yaml:2: a second document begins: keep one contract per file"),
        ("a: *x\n", "c.yaml:1: alias *x has no value yet: define `&x` on a value that ends before this line"),
        ("a: &x\n  - *x\n", "c.yaml:2: alias *x has no value yet: define `&x` on a value that ends before this line"),
        ("a: !!binary aGk=\n", "c.yaml:1: the tag does not fit a contract: remove the `!` tag"),
        ("a: !!python/object:os.system {}\n", "c.yaml:1: the tag does not fit a contract: remove the `!` tag"),
        ("a: !!int x\n", "c.yaml:1: the tag does not fit a contract: remove the `!` tag"),
        ("? [a]\n: 1\n", "c.yaml:1: a key is not text: write a name before the colon"),
        ("a: &x 1\n*x : 2\n", "c.yaml:2: a key is an alias: write a name before the colon"),
        ("a: 1\n? \n: 1\n", "c.yaml:2: a key is empty: write a name before the colon"),
        ("a: 1\nb: {<<: 3}\n", "c.yaml:2: `<<` needs a mapping: point it to an anchor on a mapping"),
        (
            "a: 1\nb: [\n",
            "c.yaml:3: not YAML: did not find expected node content: mend the syntax at or above this line",
        ),
        ("a: 1\nb: \x01\n", "c.yaml:2: not YAML: a control character: remove it from the text"),
        ("a: " + "[" * 80 + "]" * 80, "c.yaml:1: nested deeper than 64 levels: flatten the document"),
    ],
)
def test_what_is_no_contract_text_is_refused_with_its_line(text: str, error: str) -> None:
    with pytest.raises(ContractError) as raised:
        parse(text.encode(), "c.yaml")
    assert str(raised.value) == error


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"a: 1\nb: \xff\n", "c.yaml:2: the text is not UTF-8"),
        ("a: 1".encode("utf-16"), "c.yaml:1: the text is not UTF-8"),
        (b"#" * (MAX_BYTES + 1), "c.yaml:1: the document is larger than 1 MiB"),
        (BOMB.encode(), "c.yaml:6: the document expands to more than 100000 values"),
        (b"a: " + b"[" * 500_000, "c.yaml:1: .*nest"),
    ],
)
def test_bytes_that_would_harm_are_refused_with_their_line(data: bytes, error: str) -> None:
    with pytest.raises(ContractError, match=error):
        parse(data, "c.yaml")


YAML_PIECES = st.sampled_from(
    [
        *"[]{}:,-?&*!|>%@`'\"#\n \t~",
        "a",
        "- ",
        ": ",
        "\n  ",
        "&a",
        "*a",
        "<<: ",
        "!!str ",
        "---\n",
        "...",
        "\\u",
        "é",
        "\x85",
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.binary(max_size=60), st.lists(YAML_PIECES, max_size=40).map(lambda p: "".join(p).encode())))
@example(b"\xef\xbb\xbf")
@example(b'{"a": "\\ud800"}')
def test_any_bytes_give_a_mapping_or_a_contract_error(data: bytes) -> None:
    for source in ("f.yaml", "f.json"):
        assert _outcome(data, source).startswith((f"{source}:", "{"))


def _outcome(data: bytes, source: str) -> str:
    try:
        return str(parse(data, source))
    except ContractError as error:
        return str(error)
