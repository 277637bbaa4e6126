"""Every error of every tree has a code that stays (`error_codes.txt`), and a page that says what to do."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from dativo_ingest.cli import _PROGRAMS, _parser
from dativo_ingest.errors import OrchestratorError
from docs.error_reference import SHARED, Explained, explained, tree
from tap_adapters.common.errors import TapError
from target_dativo_iceberg.errors import DativoError

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("code", "retryable", "cause", "data", "remedy", "command")
CLASSES = [one for root in (DativoError, OrchestratorError, TapError) for one in tree(root)]
ALL = [one for _, _, errors in explained() for one in errors]
OURS = {"target-dativo-iceberg", "tap-csv", "tap-airbyte", "tap-google-sheets", "tap-example"}
PROGRAMS = OURS | {"python", "meltano", "ray"}


@pytest.mark.parametrize("one", [one for one in CLASSES if one not in SHARED], ids=lambda one: one.__name__)
def test_each_class_says_all_parts_itself(one: type[Exception]) -> None:
    assert [name for name in PARTS if name not in vars(one)] == []


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.code)
def test_each_part_is_said(one: Explained) -> None:
    assert re.fullmatch(r"[a-z][a-z_]{2,30}", one.code)
    assert one.retryable in (True, False, None)
    for text in (one.cause, one.data, one.remedy):
        assert text.endswith("."), text
        assert "  " not in text
    words = [word for word in shlex.split(one.command) if "=" not in word or word.startswith("-")]
    if words[0] != "dativo":
        assert words[0] in PROGRAMS
    elif words[1] not in _PROGRAMS:
        _parser().parse_args(words[1:])


def test_no_code_changes_in_silence() -> None:
    known = (Path(__file__).parent / "error_codes.txt").read_text().splitlines()
    now = sorted(f"{one.code} {one.retryable}" for one in ALL)
    assert now == known, "a code is a promise: change the list only for a new error"
    assert len({one.code for one in ALL}) == len(ALL)


def test_no_error_of_the_trees_stands_outside_the_page() -> None:
    names = {one.__name__ for one in CLASSES}
    classes = re.compile(r"^class (\w+)\(([\w., ]+)\):", re.MULTILINE)
    found = set()
    for package in ("target_dativo_iceberg", "dativo_ingest", "tap_adapters"):
        for path in (ROOT / package).rglob("*.py"):
            found |= {m[1] for m in classes.finditer(path.read_text()) if names & set(re.split(r"[., ]+", m[2]))}
    assert found <= names
