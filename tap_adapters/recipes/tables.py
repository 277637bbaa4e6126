"""The `tables` of a database source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tap_adapters.errors import SourceError
from tap_adapters.names import check_known
from tap_adapters.selection import patterns
from tap_adapters.source import Source
from tap_adapters.strategies import Replication


@dataclass(frozen=True)
class Table:
    """A table of the source; `schema` is its database on MySQL. Taps call its stream `schema-table`."""

    schema: str
    name: str
    object: str
    cursor: str | None
    place: str

    @property
    def stream(self) -> str:
        """The tap's name for it, as identifier and in its messages."""
        return f"{self.schema}-{self.name}"


def read_tables(source: Source, schema: str | None) -> tuple[Table, ...]:
    """Return the tables of a source; a name without a dot is in the given schema.

    Raises:
        SourceError: no table is named, a key is unknown, or two tables are one object.

    """
    if not source.tables:
        raise SourceError(f"a {source.type} source needs tables", "source.tables", "list them as {name: schema.table}")
    tables = tuple(_table(entry, f"source.tables[{number}]", schema) for number, entry in enumerate(source.tables))
    seen: dict[str, str] = {}
    for table in tables:
        if table.object in seen:
            raise SourceError(
                f"object '{table.object}' is that of {seen[table.object]} too",
                table.place,
                "give each an object of its own",
            )
        seen[table.object] = table.place
    return tables


def selection(source: Source, tables: Iterable[Table], replication: Mapping[str, Replication]) -> tuple[str, ...]:
    """Return the `select` of tables: the contract's columns, or all; the taps add the primary key by themselves."""
    found: list[str] = []
    for table in tables:
        key = replication[table.stream].key
        found += patterns(table.stream, source.columns.get(table.object, ()), [key] if key else [])
    return tuple(found)


def read_connection(source: Source, known: Mapping[str, str | None], required: Iterable[str]) -> dict[str, Any]:
    """Return the tap's settings of `connection` and `credentials`; None marks a key that says nothing to this tap.

    Raises:
        SourceError: a key is unknown, or one that is needed is missing.

    """
    place = "source.connection"
    given = {**source.credentials, **source.connection}
    check_known(given, known, place, "key")
    config = {setting: given[key] for key in given if (setting := known[key]) and given[key] is not None}
    for key in required:
        if config.get(known[key] or key) in {None, ""}:
            raise SourceError(f"'{key}' is missing", place, "give it there or among the credentials")
    return config


def _table(entry: Mapping[str, Any], place: str, default: str | None) -> Table:
    check_known(entry, {"name", "object", "cursor_field"}, place, "key")
    schema, _, name = str(entry.get("name") or "").rpartition(".")
    schema = schema or default or ""
    if not name or not schema:
        raise SourceError("a table needs a name", place, "write it as schema.table (database.table on MySQL)")
    return Table(schema, name, str(entry.get("object") or name), entry.get("cursor_field"), place)
