"""Values on their way: JSON records → the target, in this process → a real Iceberg table → read back by PyIceberg."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from target_dativo_iceberg.contract import load
from target_dativo_iceberg.loader import Loader
from target_dativo_iceberg.route import Contracts
from target_dativo_iceberg.settings import parse
from tests.readback import Tables

_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class No:
    """The value must be turned away with this class of violation, and no other."""

    klass: str = "type"


@dataclass(frozen=True)
class Case:
    """A value as JSON text (None: the member is absent), and what the table must hold of it."""

    text: str | None
    expected: Any


@dataclass(frozen=True)
class Read:
    """What a run left behind.

    Attributes:
        table: the good table.
        values: of column `c`, by the record's id.
        refused: classes of violations by the record's id.
        report: of the stream.

    """

    table: Table
    values: Mapping[int, Any]
    refused: Mapping[int, set[str]]
    report: Mapping[str, Any]

    def type(self, name: str = "c") -> str:
        """Iceberg type of a column."""
        return str(self.table.schema().find_field(name).field_type)

    @property
    def coercions(self) -> dict[str, int]:
        """Counts of column `c`."""
        return dict(self.report["coercions"].get("c", {}))


class Lake:
    """A warehouse that each load adds a table to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.warehouse = folder / "warehouse"

    def load(self, column: Mapping[str, Any], cases: Sequence[Case], *, sent: Any = None, **options: Any) -> Read:
        """Load the cases as records `{"id": n, "c": …}`.

        Args:
            column: the contract's property `c`, without its name.
            cases: see there.
            sent: what the SCHEMA says of `c`.
            options: settings; also `version` of ODCS, `dativo` to say things of the document.

        """
        table = f"t{next(_NUMBERS)}"
        contract = self._contract(table, column, options.pop("version", "v3.2.0"), options.pop("dativo", {}))
        schema = {
            "type": "SCHEMA",
            "stream": table,
            "key_properties": ["id"],
            "schema": {"properties": {"id": {"type": "integer"}, "c": {} if sent is None else sent}},
        }
        lines = [json.dumps(schema)]
        for n, case in enumerate(cases):
            member = "" if case.text is None else f', "c": {case.text}'
            lines.append(f'{{"type": "RECORD", "stream": "{table}", "record": {{"id": {n}{member}}}}}')
        config = {"warehouse": str(self.warehouse), "contract_path": str(contract), "on_violation": "quarantine"}
        made = parse(config | options)
        source = io.BytesIO("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass"))
        loader = Loader(made, Contracts(made, load(contract)), source, lambda _: None)
        report = loader.run().as_dict()
        (counts,) = (s for s in report["streams"] if s["stream"] == table)
        return self._read(table, counts)

    def _read(self, table: str, counts: Mapping[str, Any]) -> Read:
        catalog = SqlCatalog("default", uri=f"sqlite:///{self.warehouse}/catalog.db", warehouse=str(self.warehouse))
        try:
            good = catalog.load_table(("default", table))
            values = {row["id"]: row["c"] for row in good.scan().to_arrow().to_pylist()}
            refused = {}
            if counts["quarantined"]:
                away = catalog.load_table(("default", f"{table}__quarantine")).scan().to_arrow().to_pylist()
                refused = {json.loads(row["_record"])["id"]: {e["class"] for e in row["_errors"]} for row in away}
        finally:
            catalog.close()
        return Read(good, values, refused, counts)

    def duckdb(self, read: Read) -> dict[int, Any]:
        """Column `c` as DuckDB reads it, by the record's id."""
        return {row["id"]: row["c"] for row in Tables(self.warehouse).rows(read.table.name()[-1])}

    def _contract(self, table: str, column: Mapping[str, Any], version: str, dativo: Mapping[str, Any]) -> Path:
        properties = [{"name": "id", "logicalType": "integer", "required": True}, {"name": "c", **column}]
        said = [{"property": name, "vendor": "dativo", "value": value} for name, value in dativo.items()]
        document = {
            "apiVersion": version,
            "kind": "DataContract",
            "id": table,
            "version": "1.0.0",
            "status": "active",
            "schema": [{"name": table, "properties": properties, "customProperties": said}],
        }
        path = self.folder / f"{table}.yaml"
        path.write_text(yaml.safe_dump(document, allow_unicode=True))
        return path


def check(lake: Lake, column: Mapping[str, Any], cases: Sequence[Case], iceberg: str, **options: Any) -> Read:
    """Load cases, repeated so that most are read in bulk, and compare every one with what is expected of it."""
    enough = [cases[n % len(cases)] for n in range(max(len(cases), 40))]
    read = lake.load(column, enough, **options)
    assert read.type().startswith(iceberg)
    for n, case in enumerate(enough):
        if isinstance(case.expected, No):
            assert n not in read.values, (case, read.values[n])
            assert read.refused[n] == {case.expected.klass}, case
        else:
            assert n not in read.refused, (case, read.refused[n])
            assert same(read.values[n], case.expected), (case, read.values[n])
    assert len(read.values) + len(read.refused) == len(enough)
    return read


def same(found: Any, expected: Any) -> bool:
    """Whether values are equal and of one type: 1, 1.0 and True are not the same, nor are decimals of two scales."""
    if isinstance(expected, (list, tuple)):
        return isinstance(found, type(expected)) and len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(expected, dict):
        return (
            isinstance(found, dict)
            and list(found) == list(expected)
            and all(map(same, found.values(), expected.values()))
        )
    if isinstance(expected, datetime) and isinstance(found, datetime):
        return found.utcoffset() == expected.utcoffset() and found.isoformat() == expected.isoformat()
    return type(found) is type(expected) and repr(found) == repr(expected)


def quick(examples: int = 4) -> Any:
    """A few examples, each of many values, after the simplest; each is a run of the target: none is for shrinking."""
    return settings(
        max_examples=examples + 1,
        phases=[Phase.generate],
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def many(case: st.SearchStrategy[Case], *always: Case) -> st.SearchStrategy[list[Case]]:
    """Lists of cases, each list with those that must never be left out."""
    return st.lists(case, min_size=30, max_size=60).map(lambda drawn: [*always, *drawn])


def quoted(text: str) -> str:
    """A JSON text."""
    return json.dumps(text)


def sent_as(*choices: Any) -> st.SearchStrategy[Any]:
    """What a SCHEMA may say of the column, or nothing."""
    return st.sampled_from([None, {}, *choices])
