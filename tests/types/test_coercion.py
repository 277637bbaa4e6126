"""Coercion levels through real tables: what each accepts, what it refuses, and what the run report counts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_dativo_iceberg.errors import ContractError, SettingsError
from target_dativo_iceberg.settings import parse
from tests.readback import Tables
from tests.target.running import Target, record, schema
from tests.types.through import Case, Lake, No, check, quick

_AT = datetime(2024, 1, 5, tzinfo=UTC)
_NTZ = datetime(2024, 1, 5, 10)  # noqa: DTZ001 - as a column without zone has it
_COLUMNS: Mapping[str, tuple[dict[str, Any], str]] = {
    "string": ({"logicalType": "string"}, "string"),
    "integer": ({"logicalType": "integer"}, "long"),
    "number": ({"logicalType": "number"}, "double"),
    "decimal": ({"logicalType": "number", "physicalType": "DECIMAL(9,2)"}, "decimal(9, 2)"),
    "boolean": ({"logicalType": "boolean"}, "boolean"),
    "date": ({"logicalType": "date"}, "date"),
    "timestamp": ({"logicalType": "timestamp"}, "timestamptz"),
    "naive": ({"logicalType": "timestamp", "logicalTypeOptions": {"timezone": False}}, "timestamp"),
    "list": ({"logicalType": "array", "items": {"logicalType": "integer"}}, "list<long>"),
}
# Column, value, what it becomes, the lowest level that takes it, and what that is counted as.
_VALUES: list[tuple[str, str, Any, str, str]] = [
    ("string", '"a"', "a", "none", ""),
    ("string", "5", "5", "safe", "number to text"),
    ("string", "1.50", "1.50", "safe", "number to text"),
    ("string", "true", None, "never", ""),
    ("integer", "5", 5, "none", ""),
    ("integer", "5.0", 5, "safe", "number to integer"),
    ("integer", '"5"', 5, "safe", "text to integer"),
    ("integer", "true", None, "never", ""),
    ("number", "5", 5.0, "none", ""),
    ("number", "1.5", 1.5, "none", ""),
    ("number", '"1.5"', 1.5, "safe", "text to double"),
    ("decimal", "5", Decimal("5.00"), "none", ""),
    ("decimal", "1.5", Decimal("1.50"), "none", ""),
    ("boolean", "true", True, "none", ""),
    ("boolean", '"true"', True, "safe", "text to boolean"),
    ("boolean", '"YES"', True, "dativo", "text to boolean"),
    ("boolean", "0", False, "dativo", "number to boolean"),
    ("date", '"2024-01-05"', date(2024, 1, 5), "none", ""),
    ("date", '"2024-1-5"', date(2024, 1, 5), "dativo", ""),
    ("timestamp", '"2024-01-05T00:00:00Z"', _AT, "none", ""),
    ("timestamp", '"2024-01-05"', _AT, "safe", "date to timestamp"),
    ("naive", '"2024-01-05T10:00:00"', _NTZ, "none", ""),
    ("naive", '"2024-01-05T10:00:00Z"', _NTZ, "safe", ""),
    ("list", "[1, 2]", [1, 2], "none", ""),
    ("list", '[1, "2"]', [1, 2], "safe", "text to integer"),
]
_LEVELS = ("none", "safe", "dativo")


@pytest.mark.parametrize("level", _LEVELS)
@pytest.mark.parametrize("name", _COLUMNS)
def test_a_level_takes_what_it_should_and_counts_what_it_converts(lake: Lake, name: str, level: str) -> None:
    column, iceberg = _COLUMNS[name]
    chosen = [v for v in _VALUES if v[0] == name]
    takes = [lowest in _LEVELS[: _LEVELS.index(level) + 1] for _, _, _, lowest, _ in chosen]
    cases = [Case(text, value if ok else No()) for (_, text, value, _, _), ok in zip(chosen, takes, strict=True)]
    read = check(lake, column, cases, iceberg, coercion=level)
    counts: dict[str, int] = {}
    for row in read.values:
        if kind := chosen[row % len(chosen)][4]:
            counts[kind] = counts.get(kind, 0) + 1
    assert read.coercions == counts
    assert level != "none" or not counts


@pytest.mark.parametrize("sent", [{"type": "string"}, {"type": "integer"}, {"type": "number"}, None], ids=str)
@quick(1)
@given(st.lists(st.decimals(-(10**6), 10**6, places=2), min_size=40))
def test_level_none_takes_no_text_for_a_decimal(lake: Lake, sent: Any, numbers: list[Decimal]) -> None:
    cases = [Case(f'"{n}"', No()) if i % 3 == 0 else Case(str(n), n) for i, n in enumerate(numbers)]
    column = {"logicalType": "number", "physicalType": "DECIMAL(9,2)"}
    plain = [
        Case(c.text, abs(c.expected) if isinstance(c.expected, Decimal) and not c.expected else c.expected)
        for c in cases
    ]
    assert check(lake, column, plain, "decimal(9, 2)", sent=sent, coercion="none").coercions == {}


def test_a_property_goes_before_its_object_and_that_before_the_setting(lake: Lake) -> None:
    said = [{"property": "dativo.coercion", "value": "none"}]
    column = {"logicalType": "integer", "customProperties": said}
    check(lake, column, [Case('"5"', No())], "long", coercion="dativo", dativo={"coercion": "safe"})
    check(lake, {"logicalType": "integer"}, [Case('"5"', No())], "long", coercion="safe", dativo={"coercion": "none"})


def test_a_contract_in_dativos_form_is_read_as_dativo_reads(target: Target) -> None:
    (target.folder / "flat.yaml").write_text(
        "name: a\nversion: '1'\nschema:\n- {name: id, type: integer, required: true}\n- {name: s, type: boolean}\n"
    )
    lines = [schema(s={"type": "string"}), record(1, s="yes"), record(2, s="off")]
    path = str(target.folder / "flat.yaml")
    ended = target.run(lines, contract_path=path)
    assert ended.stream("a")["coercions"] == {"s": {"text to boolean": 2}}
    assert [row["s"] for row in Tables(target.warehouse).rows("a", "id")] == [True, False]
    assert "2 values were read as another type" in ended.log
    assert target.run(lines, contract_path=path, coercion="safe").code == 1


def test_a_setting_or_a_policy_that_cannot_be_is_refused(lake: Lake) -> None:
    for setting in ({"coercion": "lax"}, {"default_number": "decimal(39,2)"}, {"default_number": "float"}):
        with pytest.raises(SettingsError, match=f"setting '{next(iter(setting))}' must be"):
            parse(setting)
    for name, value in {"coercion": "lax", "decimalRounding": "up", "defaultNumber": "decimal(4,5)"}.items():
        with pytest.raises(ContractError, match="must be"):
            lake.load({"logicalType": "integer"}, [], dativo={name: value})


def test_coercions_of_all_epochs_and_of_rejected_records_are_counted(target: Target) -> None:
    child = target.start(epoch_max_seconds=1, on_violation="quarantine")
    child.feed(
        schema(), '{"type":"RECORD","stream":"a","record":{"id":"1","s":"x"}}', '{"type":"STATE","value":{"b":1}}'
    )
    child.until(lambda: child.states, "the first STATE")
    child.feed('{"type":"RECORD","stream":"a","record":{"id":"2","s":[]}}')
    assert child.wait().stream("a")["coercions"] == {"id": {"text to integer": 2}}


# ---- files ----


@pytest.mark.parametrize("level", ["none", "safe"])
def test_columns_of_a_file_are_counted_by_their_types(target: Target, level: str) -> None:
    columns: dict[str, tuple[pa.Array, dict[str, Any], str]] = {
        "a": (pa.array(["1", None, "3"]), {"type": "integer"}, "text to integer"),
        "b": (pa.array([1, 2, None]), {"type": "string"}, "number to text"),
        "c": (pa.array([1.0, 2.0, 3.0]), {"type": "integer"}, "number to integer"),
        "d": (pa.array([1, 2, 3]), {"type": "number"}, ""),
        "e": (pa.array([["1"], ["2", "3"], None]), {"type": "array", "items": {"type": "integer"}}, "text to integer"),
    }
    path = Path(target.folder) / "rows.parquet"
    pq.write_table(pa.table({"id": [1, 2, 3], **{n: c for n, (c, _, _) in columns.items()}}), path)
    batch = {"type": "BATCH", "stream": "a", "encoding": {"format": "parquet"}, "manifest": [path.as_uri()]}
    lines = [schema(**{n: s for n, (_, s, _) in columns.items()}), batch]
    ended = target.run(lines, batch_roots=[str(target.folder)], coercion=level, on_violation="quarantine")
    counts = ended.stream("a")
    if level == "none":
        assert (counts["coercions"], counts["quarantined"]) == ({}, 3)
    else:
        found = {n: {kind: 2} for n, (_, _, kind) in columns.items() if kind}
        found["c"], found["e"] = {"number to integer": 3}, {"text to integer": 3}
        assert (counts["coercions"], counts["good"]) == (found, 3)
