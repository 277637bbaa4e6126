"""Tables of values on a page: one contract that has a column for each row, and a record for each value."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import yaml
from duckdb import DuckDBPyConnection
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.types import IcebergType, StructType

from tests.docs.comparing import rows, written
from tests.docs.pages import codes
from tests.readback import Tables
from tests.target.running import Target

# A value in a cell, what is stored of it, or the class of violation behind it.
_VALUE = re.compile(r"`([^`]+)`(?: → `([^`]+)`)?([^`,]*)")


@dataclass(frozen=True, slots=True)
class Value:
    """A value on a page.

    Attributes:
        column: that it is in.
        text: as JSON.
        stored: what the table must hold, as JSON; None when it is turned away.
        reason: what a page says of a value that is turned away: a class, and the end of its rule's id.

    """

    column: str
    text: str
    stored: str | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of values: rows and reasons by the number of the value, types by column."""

    rows: Mapping[int, Mapping[str, Any]]
    reasons: Mapping[int, set[tuple[str, str]]]
    types: Mapping[str, str]


def properties(table: tuple[dict[str, str], ...]) -> list[dict[str, Any]]:
    """Return a property for each row: `c1`, `c2` …"""
    return [
        {"name": f"c{number}", **yaml.safe_load(f"{{{codes(row['property'])[0]}}}")} for number, row in enumerate(table)
    ]


def accepted(column: str, cell: str) -> Iterator[Value]:
    """Yield the values of a cell that says what is stored of each."""
    for text, stored, _rest in _VALUE.findall(cell):
        yield Value(column, text, stored or text)


def refused(column: str, cell: str) -> Iterator[Value]:
    """Yield the values of a cell that are turned away, with the class behind each: `type` where none is."""
    for text, _stored, rest in _VALUE.findall(cell):
        yield Value(column, text, None, rest.strip() or "type")


def contract(target: Target, columns: list[dict[str, Any]]) -> dict[str, str]:
    """Write a contract with these columns beside `id`; the setting that names it."""
    table = {"name": "t", "properties": [{"name": "id", "logicalType": "integer"}, *columns]}
    head = {"apiVersion": "v3.2.0", "kind": "DataContract", "id": "t", "version": "1.0.0", "status": "active"}
    (target.folder / "t.yaml").write_text(yaml.safe_dump(head | {"schema": [table]}, allow_unicode=True))
    return {"contract_path": "t.yaml"}


def load(
    target: Target, reader: DuckDBPyConnection, nodes: Mapping[str, Any], values: list[Value], **settings: Any
) -> Loaded:
    """Load each value in a record of its own, under a SCHEMA that says this of each column."""
    shape = {"properties": {"id": {"type": "integer"}, **nodes}}
    lines = [json.dumps({"type": "SCHEMA", "stream": "t", "schema": shape, "key_properties": []})]
    for number, value in enumerate(values):
        record = f'{{"id": {number}, "{value.column}": {value.text}}}'
        lines.append(f'{{"type": "RECORD", "stream": "t", "record": {record}}}')
    ended = target.run(lines, on_violation="quarantine", **settings)
    assert ended.code == 0, ended.log
    places = Tables(target.warehouse).pointers()
    away = rows(reader, places["default.t__quarantine"]) if "default.t__quarantine" in places else []
    return Loaded(
        {row["id"]: row for row in rows(reader, places["default.t"])},
        {json.loads(r["_record"])["id"]: {(e["class"], e["rule"]) for e in r["_errors"]} for r in away},
        _types(target),
    )


def _types(target: Target) -> dict[str, str]:
    place = str(target.warehouse)
    catalog = SqlCatalog("default", uri=f"sqlite:///{place}/catalog.db", warehouse=place)
    try:
        fields = catalog.load_table(("default", "t")).schema().fields
    finally:
        catalog.close()
    return {field.name: _named(field.field_type) for field in fields}


def _named(kind: IcebergType) -> str:
    return "struct" if isinstance(kind, StructType) else str(kind)


def same(row: Mapping[str, Any], value: Value) -> bool:
    """Whether a row holds what the page says of a value."""
    assert value.stored is not None
    expected = json.loads(value.stored, parse_float=Decimal)
    return written({"v": row[value.column]}) == written({"v": expected})
