"""Raw records of one stream to one typed Arrow batch, row i being line i.

Fast path: one native parse of the whole run and whole-column casts. Rows that either is not sure of go through
the record-by-record reader, and come back in their place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from target_dativo_iceberg.contract.arrow import arrow_schema, arrow_type
from target_dativo_iceberg.contract.cast import UnsureError, cast
from target_dativo_iceberg.contract.coerce import Findings, NotJsonError, Raw, decode, members
from target_dativo_iceberg.contract.model import Contract, Field, Kind, Type
from target_dativo_iceberg.contract.singer import ANY_JSON, Property

_ENVELOPE = ["type", "stream", "time_extracted"]
# A run this short is read record by record when the native parser refuses it.
_SHORT = 32
# Lines looked at to name undeclared members.
_SAMPLE = 1000
_INT64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class BadLineError(Exception):
    """A line that cannot be read as a record at all.

    Args:
        row: index of the line in its run.
        message: what is wrong with it.

    """

    def __init__(self, row: int, message: str) -> None:
        self.row = row
        self.message = message
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Typed:
    """A typed batch and what was found in its rows.

    Attributes:
        batch: the contract's columns; row i is line i. Null where a violation was found.
        findings: by row, only for rows that were read record by record.
        unknown: names of members that the contract does not have and that are not written.

    """

    batch: pa.RecordBatch
    findings: dict[int, Findings] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()


class Plan:
    """How the records of one stream are read: compiled once per SCHEMA.

    Args:
        contract: what the columns must become.
        evidence: what the stream's SCHEMA says of each property.
        bare: lines are records themselves (BATCH files), not RECORD messages.

    """

    def __init__(self, contract: Contract, evidence: Mapping[str, Property], *, bare: bool = False) -> None:
        self.contract = contract
        self.schema = arrow_schema(contract)
        self.bare = bare
        self.ignores_unknown = False
        wires: dict[str, pa.DataType] = {}
        self.texts: list[str] = []
        for f in contract.fields:
            wire = wire_type(f.type, evidence.get(f.name))
            if wire is None:
                self.texts.append(f.name)
            wires[f.name] = wire or pa.string()
        self.extra = frozenset(evidence) - wires.keys()
        for name in sorted(self.extra):
            wire = wire_type(evidence[name].type, evidence[name])
            wires |= {name: wire} if wire is not None else {}
            self.ignores_unknown |= wire is None
        self._record = pa.struct([pa.field(n, t) for n, t in wires.items()])
        self._screen = msgspec.json.Decoder(_screen_type(self._record))

    def parse(self, lines: pa.BinaryArray) -> pa.StructArray | None:
        """Parse a run with the native parser, or return None when it refuses it."""
        record = self._parsed(lines, "ignore" if self.ignores_unknown else "error")
        if record is None and not self.ignores_unknown:
            return None
        return record

    def parse_ignoring(self, lines: pa.BinaryArray) -> pa.StructArray | None:
        """Parse a run, leaving out members that nobody declared."""
        return self._parsed(lines, "ignore")

    def _parsed(self, lines: pa.BinaryArray, unexpected: str) -> pa.StructArray | None:
        data = data_of(lines)
        bare = self.bare or bool(self.texts)
        if bare:
            fields = list(self._record)
        else:
            fields = [pa.field(n, pa.string()) for n in _ENVELOPE] + [pa.field("record", self._record)]
        try:
            table = pj.read_json(
                pa.BufferReader(data),
                read_options=pj.ReadOptions(use_threads=False, block_size=data.size + 1),
                parse_options=pj.ParseOptions(explicit_schema=pa.schema(fields), unexpected_field_behavior=unexpected),
            )
        except pa.ArrowInvalid:
            return None
        if table.num_rows != len(lines):
            return None
        batch = table.combine_chunks().to_batches()[0]
        record = batch.to_struct_array() if bare else batch.column("record")
        return record if record.null_count == 0 else None

    def screen(self, lines: pa.BinaryArray) -> pa.BooleanArray:
        """Return which lines a typed decoder accepts by themselves."""
        return pa.array([self._accepts(line) for line in lines.to_pylist()], pa.bool_())

    def _accepts(self, line: bytes) -> bool:
        try:
            self._screen.decode(line if not self.bare else b'{"record":' + line + b"}")
        except (msgspec.DecodeError, RecursionError):
            return False
        return True


# ---- how JSON arrives ----


def wire_type(type_: Type, evidence: Property | None) -> pa.DataType | None:
    """Return the Arrow type to parse a property as, or None when only its JSON text can be kept."""
    node = evidence.node if evidence else {}
    arrives = (evidence.json_types if evidence else ANY_JSON) - {"null"}
    if type_.kind is Kind.JSON and arrives == {"string"}:
        return pa.string()
    if type_.kind is Kind.STRUCT:
        return _struct_wire(type_, node)
    if type_.kind is Kind.LIST:
        assert type_.item is not None
        item = wire_type(type_.item.type, _child(node.get("items")))
        return None if item is None else pa.list_(item)
    if type_.kind in (Kind.JSON, Kind.MAP):
        return None
    return _scalar_wire(type_, arrives)


def _struct_wire(type_: Type, node: Mapping[str, Any]) -> pa.DataType | None:
    declared = node.get("properties") or {}
    members_: list[pa.Field] = []
    for f in type_.fields:
        wire = wire_type(f.type, _child(declared.get(f.name)))
        if wire is None:
            return None
        members_.append(pa.field(f.name, wire))
    return pa.struct(members_)


def _child(node: Any) -> Property | None:
    if not isinstance(node, Mapping):
        return None
    declared = node.get("type")
    types = frozenset([declared] if isinstance(declared, str) else declared or ANY_JSON)
    return Property(types, node, Type(Kind.JSON))


def _scalar_wire(type_: Type, arrives: frozenset[str]) -> pa.DataType:
    if arrives == {"string"}:
        return arrow_type(type_) if type_.kind is Kind.DECIMAL else pa.string()
    if type_.kind is Kind.INTEGER:
        return pa.decimal128(38, 9) if arrives in ({"number"}, {"number", "integer"}) else pa.int64()
    if type_.kind in (Kind.FLOAT, Kind.DOUBLE):
        return pa.float64()
    if type_.kind in (Kind.DECIMAL, Kind.BOOLEAN):
        return arrow_type(type_)
    if type_.kind is Kind.STRING and arrives == {"integer"}:
        return pa.int64()
    return pa.string()


def _screen_type(record: pa.StructType) -> Any:
    """Return a msgspec type that accepts what the native parser accepts, one line at a time."""
    return msgspec.defstruct("Line", [("record", _screen_struct(record)), ("type", str, ""), ("stream", str, "")])


def _screen_struct(struct: pa.StructType) -> Any:
    fields = [(f"f{i}", _screen_of(f.type), None) for i, f in enumerate(struct)]
    return msgspec.defstruct("Members", fields, rename={f"f{i}": f.name for i, f in enumerate(struct)})


def _screen_of(wire: pa.DataType) -> Any:
    if pa.types.is_struct(wire):
        return _screen_struct(wire) | None
    if pa.types.is_list(wire):
        return list[_screen_of(wire.value_type)] | None  # type: ignore[misc]
    if pa.types.is_decimal(wire):
        return Decimal | None
    plain = {pa.int64(): _INT64, pa.float64(): float, pa.bool_(): bool, pa.string(): str}
    return plain[wire] | None


def data_of(lines: pa.BinaryArray) -> pa.Buffer:
    """Return the bytes of an array of lines, without a copy."""
    offsets = pa.Array.from_buffers(pa.int32(), len(lines) + 1, [None, lines.buffers()[1]], offset=lines.offset)
    start, stop = offsets[0].as_py(), offsets[len(lines)].as_py()
    return lines.buffers()[2].slice(start, stop - start)


# ---- reading a run ----


def read(plan: Plan, lines: pa.BinaryArray) -> Typed:
    """Read a run of lines of one stream.

    Raises:
        BadLineError: a line holds no record.

    """
    if len(lines) == 0:
        return Typed(pa.RecordBatch.from_pylist([], plan.schema))
    if plan.texts:
        return _read_texts(plan, lines)
    return _read_run(plan, lines, lines, screened=False)


def _read_run(plan: Plan, lines: pa.BinaryArray, sources: pa.BinaryArray, *, screened: bool) -> Typed:
    """Read lines by the fast path; `sources` are the same lines as they came."""
    record = plan.parse(lines)
    if record is not None:
        return _cast_all(plan, record, sources)
    if not plan.ignores_unknown and (record := plan.parse_ignoring(lines)) is not None:
        # Only undeclared members stood in the way: name them once, then leave them out.
        names = read_slowly(plan, sources.slice(0, _SAMPLE)).unknown
        plan.ignores_unknown = True
        found = _cast_all(plan, record, sources)
        return Typed(found.batch, found.findings, found.unknown | names)
    if len(lines) <= _SHORT:
        return read_slowly(plan, sources)
    if screened:
        return _halves(plan, lines, sources)
    good = plan.screen(lines)
    bad = pc.invert(good)
    parts = []
    if good.true_count:
        run = _read_run(plan, lines.filter(good), sources.filter(good), screened=True)
        parts.append((pc.indices_nonzero(good), run))
    if bad.true_count:
        rows = pc.indices_nonzero(bad)
        parts.append((rows, _at(rows, lambda: read_slowly(plan, sources.filter(bad)))))
    return _woven(plan, parts)


def _halves(plan: Plan, lines: pa.BinaryArray, sources: pa.BinaryArray) -> Typed:
    middle = len(lines) // 2
    parts = []
    for start, stop in ((0, middle), (middle, len(lines))):
        rows = pa.array(range(start, stop), pa.uint64())
        span = (start, stop - start)
        part = _at(rows, lambda s=span: _read_run(plan, lines.slice(*s), sources.slice(*s), screened=True))
        parts.append((rows, part))
    return _woven(plan, parts)


def _at(rows: pa.Array, run: Any) -> Typed:
    """Run a reader over some rows; a bad line is reported by its row in the whole run."""
    try:
        return run()  # type: ignore[no-any-return]
    except BadLineError as error:
        raise BadLineError(rows[error.row].as_py(), error.message) from None


def _cast_all(plan: Plan, record: pa.StructArray, sources: pa.BinaryArray) -> Typed:
    columns = {f.name: c for f, c in zip(record.type, record.flatten(), strict=True)}
    return _cast_columns(plan, columns, len(sources), lambda mask: sources if mask is None else sources.filter(mask))


# Lines of the rows that a mask selects, or of all rows.
_Lines = Callable[[pa.BooleanArray | None], pa.BinaryArray]


def _cast_columns(plan: Plan, columns: Mapping[str, pa.Array], count: int, lines: _Lines) -> Typed:
    """Cast parsed columns to the contract; rows in doubt are read one by one from their lines."""
    arrays, unsure = [], None
    for f in plan.contract.fields:
        if f.name not in columns:
            arrays.append(pa.nulls(count, arrow_type(f.type)))
            continue
        try:
            array, mask = cast(columns[f.name], f.type)
        except UnsureError:
            return read_slowly(plan, lines(None))
        arrays.append(array)
        if mask is not None:
            unsure = mask if unsure is None else pc.or_(unsure, mask)
    batch = pa.RecordBatch.from_arrays(arrays, schema=plan.schema)
    known = {f.name for f in plan.contract.fields}
    unknown = frozenset(n for n in columns if n not in known and columns[n].null_count < count)
    if unsure is None:
        return Typed(batch, unknown=unknown)
    sure, rows = pc.indices_nonzero(pc.invert(unsure)), pc.indices_nonzero(unsure)
    slow = _at(rows, lambda: read_slowly(plan, lines(unsure)))
    return _woven(plan, [(sure, Typed(batch.take(sure), unknown=unknown)), (rows, slow)])


def _woven(plan: Plan, parts: Sequence[tuple[pa.Array, Typed]]) -> Typed:
    """Put rows that were read apart back in their order."""
    rows = pa.concat_arrays([r for r, _ in parts])
    whole = pa.concat_batches([t.batch for _, t in parts]).take(pc.sort_indices(rows))
    findings = {r[i].as_py(): f for r, t in parts for i, f in t.findings.items()}
    return Typed(whole, findings, frozenset().union(*(t.unknown for _, t in parts)))


# ---- columns that come as Arrow ----


def read_arrow(plan: Plan, batch: pa.RecordBatch) -> Typed:
    """Read a batch of a Parquet or Arrow file: whole-column casts, rows in doubt one by one as JSON."""
    columns = {n: _storage(c) for n, c in zip(batch.schema.names, batch.columns, strict=True)}

    def lines(mask: pa.BooleanArray | None) -> pa.BinaryArray:
        return json_lines(batch if mask is None else batch.filter(mask))

    return _cast_columns(plan, columns, batch.num_rows, lines)


def _storage(array: pa.Array) -> pa.Array:
    """Return the plain array under an extension type (arrow.json, arrow.uuid)."""
    return array.storage if isinstance(array.type, pa.BaseExtensionType) else array


_NUMBERS = msgspec.json.Encoder(decimal_format="number").encode


def json_lines(batch: pa.RecordBatch) -> pa.BinaryArray:
    """Return the rows of a batch as JSON objects."""
    columns = [_printable(_storage(c)) for c in batch.columns]
    rows = pa.RecordBatch.from_arrays(columns, names=batch.schema.names).to_pylist()
    return pa.array([_NUMBERS(_without_nulls(row)) for row in rows], pa.binary())


def _printable(array: pa.Array) -> pa.Array:
    """Timestamps finer than microseconds have no Python value without loss; as text they have."""
    fine = pa.types.is_timestamp(array.type) and array.type.unit == "ns"
    return array.cast(pa.string()) if fine or pa.types.is_time64(array.type) else array


def _without_nulls(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


# ---- columns kept as JSON text ----


class _Line(msgspec.Struct):
    record: dict[str, msgspec.Raw]


_LINE = msgspec.json.Decoder(_Line)
_RECORD = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENCODE = msgspec.json.Encoder().encode


def _read_texts(plan: Plan, lines: pa.BinaryArray) -> Typed:
    """Read a stream some of whose columns hold JSON text: that text is put in quotes, then all is parsed as usual."""
    texts, good = [], []
    for line in lines.to_pylist():
        text = _quoted(plan, line)
        good.append(text is not None)
        if text is not None:
            texts.append(text)
    if len(texts) == len(lines):
        return _read_run(plan, pa.array(texts, pa.binary()), lines, screened=True)
    mask = pa.array(good, pa.bool_())
    parts = []
    if texts:
        run = _read_run(plan, pa.array(texts, pa.binary()), lines.filter(mask), screened=True)
        parts.append((pc.indices_nonzero(mask), run))
    rows = pc.indices_nonzero(pc.invert(mask))
    parts.append((rows, _at(rows, lambda: read_slowly(plan, lines.filter(pc.invert(mask))))))
    return _woven(plan, parts)


def _quoted(plan: Plan, line: bytes) -> bytes | None:
    try:
        record = _RECORD.decode(line) if plan.bare else _LINE.decode(line).record
        for name in plan.texts:
            text = bytes(record.get(name, b"null"))
            if text[:1] not in (b'"', b"n"):
                record[name] = msgspec.Raw(_ENCODE(text.decode("utf-8")))
        return _ENCODE(record) + b"\n"
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


# ---- record by record ----


def read_slowly(plan: Plan, lines: pa.BinaryArray) -> Typed:
    """Read lines one by one, noting every violation of types with its JSON path.

    Raises:
        BadLineError: a line holds no record.

    """
    rows: list[dict[str, Any]] = []
    findings: dict[int, Findings] = {}
    for row, line in enumerate(lines.to_pylist()):
        found = Findings()
        rows.append(_members(plan, row, line, found))
        findings[row] = found
    arrays = [_column(f, rows) for f in plan.contract.fields]
    unknown = frozenset(n for f in findings.values() for n in f.unknown)
    return Typed(pa.RecordBatch.from_arrays(arrays, schema=plan.schema), findings, unknown)


def _members(plan: Plan, row: int, line: bytes, found: Findings) -> dict[str, Any]:
    try:
        message = decode(line)
    except NotJsonError as error:
        raise BadLineError(row, str(error)) from None
    record = message if plan.bare else message.get("record")
    if not isinstance(record, dict):
        raise BadLineError(row, "RECORD without a 'record' object")
    raw = Raw((lambda: line) if plan.bare else (lambda: bytes(msgspec.json.decode(line, type=_LineRaw).record)))
    return members(record, plan.contract.fields, "$", found, raw)


class _LineRaw(msgspec.Struct):
    record: msgspec.Raw


def record_text(plan: Plan, line: bytes) -> bytes:
    """Return the JSON text of the record in a line; the whole line when it cannot be cut out."""
    if plan.bare:
        return line.strip()
    try:
        return bytes(msgspec.json.decode(line, type=_LineRaw).record)
    except (msgspec.DecodeError, RecursionError):
        return line.strip()


def _column(f: Field, rows: Iterable[dict[str, Any]]) -> pa.Array:
    return pa.array([r.get(f.name) for r in rows], arrow_type(f.type))
