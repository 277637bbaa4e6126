"""Records read one by one: the slow path, which notes every violation of types with its JSON path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pyarrow as pa

from target_dativo_iceberg.contract.findings import member
from target_dativo_iceberg.contract.json_text import Repeated, Text, text_of
from target_dativo_iceberg.contract.model import Field
from target_dativo_iceberg.contract.record_metadata import OF_MESSAGE
from target_dativo_iceberg.contract.values.arrow import arrow_type
from target_dativo_iceberg.contract.values.coerce import Findings, NotJsonError, Violation, decode, members, typed
from target_dativo_iceberg.reading import Plan

# Numbers of values by (column, kind of coercion).
Coercions = Counter[tuple[str, str]]
_MEMBERS = {"type", "stream", "record"}


@dataclass(frozen=True, slots=True)
class Typed:
    """A typed batch and what was found in its rows.

    Attributes:
        batch: the contract's columns; row i is line i. Null where a violation was found.
        findings: by row; of the rows without violations some or none.
        unknown: names of members that the contract does not have and that are not written; when there are many
            records, as far as a sample of them shows.
        coercions: how many values were converted, by column and kind; those of rejected records count too.

    """

    batch: pa.RecordBatch
    findings: dict[int, Findings] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()
    coercions: Coercions = field(default_factory=Counter)


def read_slowly(plan: Plan, lines: pa.BinaryArray) -> Typed:
    """Read lines one by one; a line that holds no record has a violation of class `malformed`."""
    rows: list[dict[str, Any]] = []
    findings: dict[int, Findings] = {}
    for row, line in enumerate(lines.to_pylist()):
        findings[row] = Findings()
        rows.append(_members(plan, line, findings[row]))
    arrays = [pa.array([r.get(f.name) for r in rows], arrow_type(f.type)) for f in plan.contract.fields]
    unknown = frozenset(n for f in findings.values() for n in f.unknown)
    batch = pa.RecordBatch.from_arrays(arrays, schema=plan.schema)
    return Typed(batch, findings, unknown, coercions_of(findings.values()))


def coercions_of(findings: Iterable[Findings]) -> Coercions:
    """Return all coercions of some records."""
    total: Coercions = Counter()
    for found in findings:
        total.update(found.coercions)
    return total


def _members(plan: Plan, line: bytes, found: Findings) -> dict[str, Any]:
    try:
        record, text = record_of(line, bare=plan.bare)
    except NotJsonError as error:
        found.violations.append(Violation("$", "malformed", "json", str(error)))
        return {}
    if not plan.with_message:
        return members(record, plan.contract.fields, "$", found, text)
    told = {f.name: f for f in plan.contract.fields if f.name in OF_MESSAGE.values()}
    if told.keys() & record.keys():
        record = {name: value for name, value in record.items() if name not in told}
    return members(record, plan.contract.fields, "$", found, text) | _of_message(line, told, found)


def _of_message(line: bytes, columns: Mapping[str, Field], found: Findings) -> dict[str, Any]:
    """Read what a message says of its record beside it."""
    message, text = decode(line), Text(text_of(line))
    out = {}
    for name, column in OF_MESSAGE.items():
        if message.get(name) is not None:
            found.column = column
            out[column] = typed(message[name], columns[column].type, member("$", column), found, text.part(name))
    return out


def record_of(line: bytes, *, bare: bool) -> tuple[dict[str, Any], Text]:
    """Return the record in a line, decoded, and its JSON text.

    Args:
        line: a RECORD message, or with `bare` a record.
        bare: see `Plan`.

    Raises:
        NotJsonError: there is none.

    """
    message, text = decode(line), Text(text_of(line))
    if bare:
        record = message
    else:
        if isinstance(message, Repeated) and message.names() & _MEMBERS:
            raise NotJsonError("RECORD that names a member twice")
        record, text = message.get("record"), text.part("record")
    if not isinstance(record, dict):
        raise NotJsonError("not an object" if bare else "RECORD without a 'record' object")
    return record, text


class _Line(msgspec.Struct):
    record: msgspec.Raw


_LINE = msgspec.json.Decoder(_Line)


def record_text(line: bytes, *, bare: bool) -> bytes:
    """Return the JSON text of the record in a line; the whole line when there is none."""
    if not bare and (cut := _cut_out(line)) is not None:
        return cut
    try:
        return record_of(line, bare=bare)[1].cut().encode()
    except NotJsonError:
        return line.strip()


def _cut_out(line: bytes) -> bytes | None:
    """Return the record's text when it is plain which one it is: decoding all of a record takes ten times as long."""
    try:
        record = bytes(_LINE.decode(line).record)
        record.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    before, _, after = line.partition(record)
    around = before + after
    plain = record.startswith(b"{") and around.count(b'"record"') == 1 and b"\\" not in around
    return record if plain else None
