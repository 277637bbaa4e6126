"""How the records of one stream are parsed in bulk: compiled once per SCHEMA, run over whole runs of lines."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from target_dativo_iceberg.contract.json_text import MAX_DEPTH, depth_of
from target_dativo_iceberg.contract.model import Contract
from target_dativo_iceberg.contract.record_metadata import OF_MESSAGE
from target_dativo_iceberg.contract.singer import Property
from target_dativo_iceberg.contract.values.arrow import arrow_schema
from target_dativo_iceberg.contract.values.masks import either, flagged
from target_dativo_iceberg.frames import Unframed, unframed
from target_dativo_iceberg.line_arrays import data_of
from target_dativo_iceberg.screening import screened
from target_dativo_iceberg.wire import Keep, informed, kept_as, wire_type

_HEAD = (pa.field("type", pa.string()), pa.field("stream", pa.string()))
_ENVELOPE = (
    pa.field("time_extracted", pa.string()),
    pa.field("version", pa.int64()),
)
# A float costs half of what a Decimal does, and what it rounds is not looked at.
_DECIMAL = float | Annotated[str, msgspec.Meta(pattern=r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$")]
# Columns by name.
Parsed = dict[str, pa.Array]
_INT64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_UNFIT: tuple[bytes | None, Sequence[str]] = (None, ())
_ENCODE = msgspec.json.Encoder().encode
# Patterns of what the native parser reads as JSON does not mean it, each after signs of it that are found faster.
_CONSTANTS = ("NaN", "Inf"), r"[:,\[]\s*-?(Inf|NaN)"
# A number far finer than its decimal becomes any other number. This takes in some that are not so fine.
_TINY = ("(?i)e-[0-9]",), r"[:,\[]\s*-?([0-9.]{21,}[eE]-|[0-9.]+[eE]-0*(19|[2-9][0-9]|[1-9][0-9][0-9]))"


@dataclass(frozen=True, slots=True)
class Kept:
    """A column that is kept as text: how, and the spellings of its name that taps use."""

    name: str
    keep: Keep
    spellings: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """A run of lines.

    Attributes:
        lines: for the native parser.
        sources: the same lines as they came.
        numbers: by column of texts, which lines have a number in it.

    """

    lines: pa.BinaryArray
    sources: pa.BinaryArray
    numbers: Mapping[str, pa.BooleanArray]

    def __len__(self) -> int:
        return len(self.sources)

    def filter(self, mask: pa.BooleanArray) -> Run:
        """Return some of the lines."""
        numbers = {name: found.filter(mask) for name, found in self.numbers.items()}
        lines = self.lines.filter(mask)
        return Run(lines, lines if self.sources is self.lines else self.sources.filter(mask), numbers)


class Plan:
    """How the records of one stream are read.

    Args:
        contract: what the columns must become.
        evidence: what the stream's SCHEMA says of each property.
        bare: lines are records themselves (BATCH files), not RECORD messages.
        with_message: also read what the message says of the record: `time_extracted` and `version`.
        keeps_unknown: records with members that the contract does not have are read one by one, so that something
            can be done about each; otherwise such members are named once and left out.

    Attributes:
        contract: with what the SCHEMA adds to it, for lines.
        declared: without that, for columns of files.
        schema: Arrow schema of what is read.
        whole: columns whose text is the JSON text of the value, to be read value by value.
        extra: properties of the SCHEMA that the contract does not have.
        ignores_unknown: members that nobody declared have been met; they are left out.
        native: False when the stream's names are such that records can only be read one by one.
        suspects: how many of the next runs are screened before they are parsed, since a line was refused of late.

    """

    def __init__(
        self,
        contract: Contract,
        evidence: Mapping[str, Property],
        *,
        bare: bool = False,
        keeps_unknown: bool = False,
        with_message: bool = False,
    ) -> None:
        self.declared = contract
        self.contract = replace(
            contract, fields=tuple(replace(f, type=informed(f.type, evidence.get(f.name))) for f in contract.fields)
        )
        self.schema = arrow_schema(contract)
        self.bare = bare
        self.with_message = with_message and not bare
        if self.with_message:  # what records say of these columns does not count
            evidence = {name: found for name, found in evidence.items() if name not in OF_MESSAGE.values()}
        self.keeps_unknown = keeps_unknown
        self.ignores_unknown = False
        self.suspects = 0
        self.kept: list[Kept] = []
        wires: dict[str, pa.DataType] = {}
        for f in self.contract.fields:
            keep = kept_as(f.type, evidence.get(f.name))
            wires[f.name] = pa.string() if keep else wire_type(f.type, evidence.get(f.name))
            if keep:
                self.kept.append(Kept(f.name, keep, _spellings(f.name)))
        self._cut = [(f"f{i}", k) for i, k in enumerate(self.kept)]
        self._numbers = [k.name for k in self.kept if k.keep is Keep.NUMBERS]
        self.whole = frozenset(k.name for k in self.kept if k.keep is Keep.WHOLE)
        self.native = not any(_awkward(k.name) for k in self.kept)
        self.extra = frozenset(evidence) - wires.keys()
        for name in sorted(self.extra):
            wire = wire_type(evidence[name].type, evidence[name])
            wires |= {name: wire} if wire is not None else {}
            self.ignores_unknown |= wire is None and not keeps_unknown
        self._record = pa.struct([pa.field(n, t) for n, t in wires.items()])
        self._decimals = _has_decimals(self._record)
        self._screen: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
            _enveloped(_screen_struct(self._record, closed=keeps_unknown), bare=bare)
        )
        self._cutter = msgspec.json.Decoder(_enveloped(_cutter_struct(self.kept), bare=bare)) if self.native else None

    # ---- before parsing ----

    def prepared(self, lines: pa.BinaryArray) -> tuple[Run, pa.BooleanArray | None]:
        """Return lines as the native parser wants them, and which of them it may have (None: all).

        It gets whole documents only, one a line: it would pair the halves of two broken lines, and a document `null`
        at the start of its input ends the process. It checks no UTF-8, and makes any number of a decimal such as 1e-45.
        What is kept as JSON text is put in quotes.

        """
        fit = self._fit(lines)
        if self.native and not self.kept:
            return Run(lines, lines, {}), fit
        may = itertools.repeat(True) if fit is None else fit.to_pylist()
        found = [self._quoted(line) if ok else _UNFIT for line, ok in zip(lines.to_pylist(), may, strict=False)]
        quoted = pa.array([line for line, _ in found], pa.binary())
        numbers = {name: pa.array([name in named for _, named in found], pa.bool_()) for name in self._numbers}
        return Run(quoted, lines, numbers), quoted.is_valid() if quoted.null_count else None

    def _fit(self, lines: pa.BinaryArray) -> pa.BooleanArray | None:
        good = pc.ends_with(lines, b"}\n")
        if not pc.all(good).as_py():
            others = pc.invert(good)
            good = pc.replace_with_mask(good, others, pc.match_substring_regex(lines.filter(others), r"\}[ \t\r\n]*$"))
        if self.bare:
            good = pc.and_(good, pc.starts_with(lines, b"{"))
        if not _is_utf8(lines):
            good = pc.and_(good, pa.array([_is_utf8(lines.slice(row, 1)) for row in range(len(lines))]))
        if self._decimals and (tiny := _matching(lines, *_TINY)) is not None:
            good = pc.and_(good, pc.invert(tiny))
        return None if pc.all(good).as_py() else good

    def _quoted(self, line: bytes) -> tuple[bytes | None, Sequence[str]]:
        """Put the values of kept columns in quotes, and name the columns of texts that have numbers.

        Returns None for a line in which one is not found for certain.

        """
        if self._cutter is None:
            return _UNFIT
        try:
            found = self._cutter.decode(line)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return _UNFIT
        record = found if self.bare else found.record
        values = [(bytes(getattr(record, name)), kept) for name, kept in self._cut]
        if len(values) > 1:
            # The longest first: the others may be in it, and are not once it is in quotes.
            values.sort(key=_longest_first)
        quoted: bytes | None = line
        numbers = []
        for value, kept in values:
            if quoted is not None and kept.keep.wants_quotes(value):
                quoted = _spliced(quoted, value, kept.spellings)
                numbers += [kept.name] if kept.keep is Keep.NUMBERS else []
        return quoted, numbers

    # ---- parsing ----

    def parse(self, lines: pa.BinaryArray) -> Parsed | None:
        """Parse prepared lines with the native parser, or return None when it refuses one of them."""
        return self.parse_ignoring(lines) if self.ignores_unknown else self._parsed(lines, "error")

    def parse_ignoring(self, lines: pa.BinaryArray) -> Parsed | None:
        """Parse prepared lines, leaving out members that nobody declared."""
        odd = _matching(lines, *_CONSTANTS)
        return self._parsed(lines, "ignore") if odd is None else None

    def _parsed(self, lines: pa.BinaryArray, unexpected: str) -> Parsed | None:
        found = None if self.bare or not self._record.num_fields else unframed(lines)
        if found is not None:
            batch = _documents(found.records, list(self._record), unexpected)
            if batch is not None:
                return self._columns(batch.to_struct_array(), _told(found))
            if unexpected == "error":
                return None  # the whole lines would be refused too: what is beside the records is known
        message = [*_HEAD, *_ENVELOPE, pa.field("record", self._record)]
        batch = _documents(lines, list(self._record) if self.bare else message, unexpected)
        if batch is None:
            return None
        record = batch.to_struct_array() if self.bare else batch.column("record")
        return None if record.null_count else self._columns(record, batch)

    def _columns(self, record: pa.StructArray, message: pa.RecordBatch) -> Parsed:
        columns = {f.name: c for f, c in zip(record.type, record.flatten(), strict=True)}
        told = {column: message.column(name) for name, column in OF_MESSAGE.items()} if self.with_message else {}
        return columns | told

    def screen(self, lines: pa.BinaryArray) -> pa.BooleanArray:
        """Return which lines a typed decoder accepts; a few more may be named, which costs their reader time only."""
        return screened(self._screen, lines)


def _documents(lines: pa.BinaryArray, fields: list[pa.Field], unexpected: str) -> pa.RecordBatch | None:
    """Parse lines with a document each, or return None when the native parser refuses one of them."""
    data = data_of(lines)
    try:
        table = pj.read_json(
            pa.BufferReader(data),
            read_options=pj.ReadOptions(use_threads=False, block_size=data.size + 1),
            parse_options=pj.ParseOptions(explicit_schema=pa.schema(fields), unexpected_field_behavior=unexpected),
        )
    except pa.ArrowInvalid:
        return None
    return table.combine_chunks().to_batches()[0] if table.num_rows == len(lines) else None


def _told(found: Unframed) -> pa.RecordBatch:
    """Return what messages say of their records as the native parser does."""
    count = len(found.records)
    times = pa.nulls(count, pa.string()) if found.times is None else found.times.cast(pa.string())
    return pa.RecordBatch.from_arrays(
        [times, pa.repeat(pa.scalar(found.version, pa.int64()), count)], schema=pa.schema(_ENVELOPE)
    )


# ---- which lines the native parser may have ----


def _has_decimals(wire: pa.DataType) -> bool:
    if pa.types.is_struct(wire):
        return any(_has_decimals(f.type) for f in wire)
    return _has_decimals(wire.value_type) if pa.types.is_list(wire) else bool(pa.types.is_decimal(wire))


def _is_utf8(lines: pa.BinaryArray) -> bool:
    """Whether lines are UTF-8: looked at as one, since no character goes on past the newline that ends a line."""
    try:
        _as_one(lines).cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True


def _matching(lines: pa.BinaryArray, signs: Sequence[str], pattern: str) -> pa.BooleanArray | None:
    """Return which lines match a pattern, or None when none does."""
    whole = _as_one(lines)
    signs = [sign for sign in signs if pc.match_substring_regex(whole, sign)[0].as_py()]
    if not signs:
        return None
    masks = (pc.match_substring_regex(lines, sign) for sign in signs)
    named = functools.reduce(either, (flagged(mask) for mask in masks), None)
    if named is None:
        return None
    found = pc.match_substring_regex(lines.filter(named), pattern)
    return pc.replace_with_mask(named, named, found) if pc.any(found).as_py() else None


def _as_one(lines: pa.BinaryArray) -> pa.BinaryArray:
    """Return an array of one text that has all lines: to search that takes less than to search each."""
    data = data_of(lines)
    return pa.Array.from_buffers(pa.binary(), 1, [None, pa.array([0, data.size], pa.int32()).buffers()[1], data])


# ---- typed decoders for single lines ----


def _enveloped(record: Any, *, bare: bool) -> Any:
    return record if bare else msgspec.defstruct("Line", [("record", record)])


def _awkward(name: str) -> bool:
    """Whether the typed decoder cannot name a member so."""
    return any(c in '"\\' or c < " " for c in name)


def _cutter_struct(kept: Sequence[Kept]) -> Any:
    fields = [(f"f{i}", msgspec.Raw, msgspec.Raw(b"null")) for i in range(len(kept))]
    return msgspec.defstruct("Kept", fields, rename={f"f{i}": k.name for i, k in enumerate(kept)})


def _screen_struct(struct: pa.StructType, *, closed: bool = False) -> Any:
    """Return a type that accepts what the native parser accepts, but for members with awkward names."""
    members = [f for f in struct if not _awkward(f.name)]
    fields = [(f"f{i}", _screen_of(f.type, closed=closed) | None, None) for i, f in enumerate(members)]
    return msgspec.defstruct(
        "Members",
        fields,
        rename={f"f{i}": f.name for i, f in enumerate(members)},
        forbid_unknown_fields=closed,
        gc=False,
    )


def _screen_of(wire: pa.DataType, *, closed: bool) -> Any:
    if pa.types.is_struct(wire):
        return _screen_struct(wire, closed=closed)
    if pa.types.is_list(wire):
        return list[_screen_of(wire.value_type, closed=closed) | None]  # type: ignore[misc]
    if pa.types.is_decimal(wire):
        return _DECIMAL
    return {pa.int64(): _INT64, pa.float64(): float, pa.bool_(): bool, pa.string(): str}[wire]


# ---- values in quotes ----


def _spellings(name: str) -> tuple[bytes, ...]:
    """Return the ways taps write a member's name, up to its value."""
    escaped, plain = json.dumps(name).encode(), json.dumps(name, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return tuple(dict.fromkeys(key + colon for key in (plain, escaped) for colon in (b": ", b":")))


def _longest_first(value: tuple[bytes, Kept]) -> int:
    return -len(value[0])


def _spliced(line: bytes, value: bytes, spellings: Sequence[bytes]) -> bytes | None:
    """Put a member's value in quotes where it stands; None when that is not at exactly one place.

    Another place cannot be taken for the member's own: its value then stays as it is, which a text column refuses.
    """
    text = value.decode()
    if len(text) >= 2 * MAX_DEPTH and depth_of(text) > MAX_DEPTH:
        return None
    for spelling in spellings:
        member = spelling + value
        at = line.find(member)
        if at >= 0:
            end = at + len(member)
            alone = line.find(member, at + 1) < 0
            return line[: at + len(spelling)] + _ENCODE(text) + line[end:] if alone else None
    return None
