"""Single values of a column that its cast was not sure of, read one by one with their reasons."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
import pyarrow as pa

from target_dativo_iceberg.contract.findings import member
from target_dativo_iceberg.contract.json_text import NonFinite, Repeated, Text
from target_dativo_iceberg.contract.layout import is_list_like, plain
from target_dativo_iceberg.contract.model import Field
from target_dativo_iceberg.contract.values.arrow import arrow_type
from target_dativo_iceberg.contract.values.coerce import Findings, decode, typed


@dataclass(frozen=True, slots=True)
class Cells:
    """Values of one column: typed, null where a violation was found.

    Attributes:
        values: one per value asked for.
        findings: by position, where there are violations or coercions.
        unknown: names of members inside them that the contract does not have.

    """

    values: pa.Array
    findings: Mapping[int, Findings]
    unknown: frozenset[str]


def text_cells(f: Field, texts: pa.Array, *, whole: bool) -> Cells:
    """Read texts as values of a field.

    Args:
        f: the field.
        texts: values of members that were JSON texts, or, with `whole`, the JSON texts of members.
        whole: see there.

    """
    found = ((decode(t.encode()), t) if whole else (t, json.dumps(t)) for t in texts.to_pylist())
    return _cells(f, found)


def _cells(f: Field, values: Iterable[tuple[Any, str]]) -> Cells:
    out, findings = [], {}
    unknown: set[str] = set()
    for position, (value, text) in enumerate(values):
        found = Findings(column=f.name)
        out.append(typed(value, f.type, member("$", f.name), found, Text(text)))
        unknown |= found.unknown
        if found.violations or found.coercions:
            findings[position] = found
    return Cells(pa.array(out, arrow_type(f.type)), findings, frozenset(unknown))


# ---- values of Arrow files ----


def arrow_cells(f: Field, array: pa.Array) -> Cells:
    """Read values of a Parquet or Arrow column as if they had come as JSON."""
    # Decimals without a scale are integers in JSON, which a double holds only up to 2**53.
    whole = pa.types.is_decimal(plain(array).type) and plain(array).type.scale <= 0
    values = _like_json(array)
    return _cells(f, ((int(v) if whole and v is not None else v, _encoded(v)) for v in values))


def json_lines(batch: pa.RecordBatch) -> pa.BinaryArray:
    """Return the rows of a batch as JSON objects, without what is null."""
    columns = [_like_json(column) for column in batch.columns]
    rows = (zip(batch.schema.names, row, strict=True) for row in zip(*columns, strict=True))
    return pa.array([_encoded({n: v for n, v in row if v is not None}).encode() for row in rows], pa.binary())


def _encoded(value: Any) -> str:
    return _ENCODER.encode(value).decode()


def _mark(value: Any) -> Any:
    return "NaN" if isinstance(value, NonFinite) else str(value)


_ENCODER = msgspec.json.Encoder(decimal_format="number", enc_hook=_mark)


def _like_json(array: pa.Array) -> list[Any]:
    """Return values as `decode` gives them, and bytes as bytes."""
    array = plain(array) if not pa.types.is_map(array.type) else array
    printable = _printable(array.type)
    values = (array if printable == array.type else array.cast(printable)).to_pylist()
    return [_decoded(value, printable) for value in values]


def _printable(type_: pa.DataType) -> pa.DataType:
    """Return a type with text in place of dates and times, which JSON does not have and Python holds only in part."""
    if pa.types.is_struct(type_):
        return pa.struct([pa.field(f.name, _printable(f.type)) for f in type_])
    if is_list_like(type_):
        return pa.list_(_printable(type_.value_type))
    if pa.types.is_map(type_):
        return pa.map_(_printable(type_.key_type), _printable(type_.item_type))
    return pa.string() if pa.types.is_temporal(type_) and not pa.types.is_interval(type_) else type_


def _decoded(value: Any, type_: pa.DataType) -> Any:
    if isinstance(value, float):
        return Decimal(repr(value)) if math.isfinite(value) else NonFinite()
    if isinstance(value, dict):
        return {f.name: _decoded(value[f.name], f.type) for f in type_}
    if isinstance(value, list) and pa.types.is_map(type_):
        pairs = [(str(k), _decoded(v, type_.item_type)) for k, v in value]
        return dict(pairs) if len(dict(pairs)) == len(pairs) else Repeated(pairs)
    if isinstance(value, list):
        return [_decoded(v, type_.value_type) for v in value]
    return value
