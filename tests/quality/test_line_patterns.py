"""Texts that are searched together give what each of them gives alone."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from target_dativo_iceberg.contract.rules.line_patterns import line_pattern, mismatches

_ITEMS = st.lists(st.sampled_from(["a", "b-d", "@", r"\s", r"\d", r"\S", r"\.", "-", "é", "|"]), min_size=1, max_size=4)
_PIECES = st.one_of(
    st.sampled_from(
        ["a", "@", "é", ".", r"\.", r"\d", r"\w", r"\S", r"\s", r"\W", r"\-", "[[:alpha:]]", "(?i)a", "^", "$"]
    ),
    st.builds(lambda items, no: f"[{'^' if no else ''}{''.join(items)}]", _ITEMS, st.booleans()),
)
_BODIES = st.recursive(
    st.lists(_PIECES, min_size=1, max_size=3).map("".join),
    lambda below: st.one_of(
        st.builds(lambda a, b: f"({a}|{b})", below, below),
        st.builds(lambda a, b: f"{a}|{b}", below, below),
        st.builds(lambda a, how: f"(?:{a}){how}", below, st.sampled_from(["*", "+", "?", "{2}", "{1,}", "*?"])),
    ),
    max_leaves=4,
)
_PATTERNS = st.builds(lambda start, body, end: start + body + end, st.sampled_from(["^", "^", "^", ""]), _BODIES,
                      st.sampled_from(["$", "$", "$", ""]))  # fmt: skip
_TEXTS = st.lists(
    st.one_of(st.none(), st.text("ab@.-é1 \n", max_size=5), st.just("a@a"), st.just("a")), min_size=1, max_size=40
)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(_PATTERNS, _TEXTS, st.integers(1, 30))
def test_texts_together_give_what_each_gives_alone(pattern: str, texts: list[str | None], times: int) -> None:
    column = pa.array(texts * times, pa.string())
    try:
        alone = pc.invert(pc.match_substring_regex(column, pattern))
    except pa.ArrowInvalid:
        return
    together = mismatches(pattern)(column)
    assert together.fill_null(fill_value=False).equals(alone.fill_null(fill_value=False))


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        (r"^[^@]+@[^@]+$", ["a@b", "a\nb@c"]),
        (r"^[a-z]+$", ["ab", "a\nb"]),
        (r"^[^-@]+$", ["ab", "a-b"]),
        (r"^[^@-]+$", ["ab", "a-b"]),
        (r"^.+$", ["ab", "a\nb", ""]),
        (r"^(a|b)$", ["a", "b", "ab"]),
        (r"^a|b$", ["ax", "xb", "xax"]),
        (r"^a\$", ["a$", "a"]),
    ],
)
def test_a_bad_text_among_many_good_ones_is_found(pattern: str, texts: list[str]) -> None:
    column = pa.array([*texts, *[texts[0]] * 3000, *texts])
    alone = pc.invert(pc.match_substring_regex(column, pattern))
    assert mismatches(pattern)(column).equals(alone)
    assert mismatches(pattern)(column.slice(1, 2900)).equals(alone.slice(1, 2900))


@pytest.mark.parametrize(
    ("pattern", "together"),
    [
        (r"^[A-Z]{2}$", True),
        (r"^[^@\s]+@[^@\s]+\.[^@\s]+$", True),
        (r"^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$", True),
        (r"^[^_]+$", True),
        (r"^a\sb$", False),
        (r"^a|b$", False),
        (r"^(?s)a.b$", False),
        (r"^\W$", False),
        (r"^[\W]$", False),
        (r"^[^-a-]$", False),
        ("^a\nb$", False),
        ("^[\t-~]$", False),
        ("[A-Z]{2}", False),
        (r"^a\$", False),
        (r"^\x0a$", False),
        (r"^\pL$", False),
    ],
)
def test_what_might_match_a_newline_is_never_searched_together(pattern: str, together: bool) -> None:
    assert (line_pattern(pattern) is not None) == together
