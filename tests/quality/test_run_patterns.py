"""Texts that are checked by their bytes and by where a separator stands match as RE2 says."""

import itertools

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from target_dativo_iceberg.contract.rules.line_patterns import mismatches
from target_dativo_iceberg.contract.rules.run_patterns import Runs, runs_of

_CLASSES = ["[a-c]", "[^-]", r"[^-\s]", r"\d", r"[0-9b]", r"\S", r"[\w.]", r"[^b\d-]", "[ab-]"]
_COUNTS = ["", "+", "*", "?", "{2}", "{1,}", "{0,2}"]
_MARKS = ["-", r"\-", "@", r"\.", " ", "b", "+", "x"]
_TEXTS = st.lists(st.text("ab-1@. é\n", max_size=7), min_size=1, max_size=6)


def _of_runs(klass: str, counts: list[str], mark: str) -> str:
    return f"^{mark.join(klass + count for count in counts)}$"


@st.composite
def _matching(draw: st.DrawFn, counts: list[str], mark: str) -> list[str]:
    """Texts that look like those of a pattern, so that often all match."""
    sizes = {"": [1], "+": [1, 3], "*": [0, 2], "?": [0, 1], "{2}": [2], "{1,}": [1, 2], "{0,2}": [0, 1, 2]}
    runs = [st.sampled_from(sizes[count]).flatmap(lambda n: st.text("a1", min_size=n, max_size=n)) for count in counts]
    texts = st.tuples(*runs).map(mark.replace("\\", "").join)
    return draw(st.lists(texts, min_size=1, max_size=6))


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(st.data())
def test_what_is_said_to_match_matches(data: st.DataObject) -> None:
    counts = data.draw(st.lists(st.sampled_from(_COUNTS), min_size=1, max_size=3))
    mark = data.draw(st.sampled_from(_MARKS))
    pattern = _of_runs(data.draw(st.sampled_from(_CLASSES)), counts, mark)
    texts = data.draw(st.one_of(_TEXTS, _matching(counts, mark)))
    column = pa.array(["zzz", *texts, "zzz"]).slice(1, len(texts))
    try:
        alone = pc.match_substring_regex(column, pattern)
    except pa.ArrowInvalid:
        return
    runs = runs_of(pattern)
    if runs is not None and runs.all_match(column):
        assert pc.all(alone).as_py(), (pattern, texts)
    many = pa.concat_arrays([column] * 300)
    assert mismatches(pattern)(many).equals(pc.invert(pa.concat_arrays([alone] * 300)))


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        (r"^[^@\s]+@[^@\s]+$", ["a@b", "customer.1@mail.example.net", "é@ü"]),
        (r"^[A-Z]{2}$", ["DE", "FR"]),
        (r"^\d+$", ["1", "0123456789"]),
        (r"^\d{4}-\d{2}-\d{2}$", ["2025-01-31", "1999-12-01"]),
        (r"^[A-Z]{1,3} [A-Z]*$", ["A ", "ABC DEF"]),
        (r"^[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$", ["127.0.0.1", "10.20.30.40"]),
        (r"^[a-y]z?z[a-y]$", None),
        (r"^[0-9a-f]{8}-[0-9a-f]{4}$", None),
    ],
)
def test_texts_that_match_are_known_by_their_bytes(pattern: str, texts: list[str] | None) -> None:
    runs = runs_of(pattern)
    if texts is None:
        found = ["aza", "azza"] if "z" in pattern else ["0a1b2c3d-0a1b"]
        assert runs is None or not runs.all_match(pa.array(found))
    else:
        assert isinstance(runs, Runs)
        assert runs.all_match(pa.array(texts))


@pytest.mark.parametrize(
    "texts",
    [
        ["a@b", "@b"],
        ["a@b", "a@"],
        ["a@b", "ab"],
        ["a@b@c", "ab"],
        ["ab", "a@b@c"],
        ["a@b", "a@b c"],
        ["a@b", "a@\x0bb"],
        ["a@b", ""],
        ["", "a@b@c"],
        [""],
    ],
)
def test_one_text_that_does_not_match_is_seen(texts: list[str]) -> None:
    pattern = r"^[^@\s]+@[^@\s]+$"
    runs = runs_of(pattern)
    assert runs is not None
    for order in itertools.permutations(texts):
        assert not runs.all_match(pa.array(order))
    many = pa.array([*texts, *["a@b"] * 1000, *texts])
    assert mismatches(pattern)(many).equals(pc.invert(pc.match_substring_regex(many, pattern)))


@pytest.mark.parametrize(
    "pattern",
    [
        "[A-Z]{2}",
        "^[A-Z]{2}",
        "^[A-Z]{2}|[a-z]$",
        "^([A-Z]{2})$",
        "^[A-Z][a-z]$",
        "^[A-Z]+-[a-z]+$",
        "^[A-Z]+-[A-Z]+_[A-Z]+$",
        "^[A-Z]+[A-Z]+$",
        "^[A-Z]+M[A-Z]+$",
        "^[A-Z]+.[A-Z]+$",
        r"^[A-Z]+\b[A-Z]+$",
        r"^[[:alpha:]]+$",
        r"^[\pL]+$",
        r"^[\x41]+$",
        "^[é]+$",
        "^[A-Z]+é[A-Z]+$",
        "^[A-Z]+?$",
        "^$",
        "^ab$",
        r"^[A-Z]+\$",
    ],
)
def test_other_patterns_are_left_to_re2(pattern: str) -> None:
    assert runs_of(pattern) is None


def test_places_are_found_past_what_is_looked_at_at_once() -> None:
    texts = pa.array(["a" * 700 + "@" + "b" * 600] * 2000)
    runs = runs_of("^[a-z]{700}@[a-z]{600}$")
    assert runs is not None
    assert runs.all_match(texts)
    assert runs.all_match(texts.slice(3, 1900))
    assert not runs.all_match(pa.concat_arrays([texts, pa.array(["a" * 699 + "@" + "b" * 601])]))


def test_lengths_are_of_characters() -> None:
    two = runs_of("^[^-]{2}-[^-]{2}$")
    assert two is not None
    assert two.all_match(pa.array(["ab-cd"] * 3))
    assert not two.all_match(pa.array(["é-cd"]))
    pattern = "^[^-]{2}$"
    column = pa.array(["éé", "é"] * 200)
    assert mismatches(pattern)(column).to_pylist() == [False, True] * 200
