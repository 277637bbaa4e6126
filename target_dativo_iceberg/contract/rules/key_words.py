"""Key columns as 64-bit words that compare like the keys themselves.

A key of one number, date, time or boolean is a single word and exact. Every other key (texts, bytes, wide decimals,
several columns) becomes a 128-bit hash: four independent multilinear hashes of its 32-bit pieces under coefficients
drawn anew for each run. Two different keys share it with a probability of 2^-128 for each column, whatever the data is
(Lemire and Kaser 2012: the upper half of such a sum is strongly universal), so among a billion keys one false duplicate
has a probability below 2^-64. Only texts longer than 256 bytes are digested one by one, all else is whole columns.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from target_dativo_iceberg.errors import ContractError

# Texts are padded with zeros to the width of their class; the length is part of the key.
WIDTHS = (32, 64, 128, 256)
_LOW = pa.scalar(0xFFFFFFFF, pa.uint64())
_HIGH = pa.scalar(0xFFFFFFFF00000000, pa.uint64())
_HALF = pa.scalar(32, pa.uint64())


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of some rows.

    Attributes:
        first: the key, or the first half of its hash; spread evenly over 64 bits.
        second: the other half of the hash, None where `first` is exact.
        order: the keys as signed integers in their own order, None where they have none that is cheap to compare.
        valid: which rows of the batch have a key, None if all do; the other attributes are of these rows only.

    """

    first: pa.Array
    second: pa.Array | None
    order: pa.Array | None
    valid: pa.Array | None


class KeyReader:
    """Reads the key of every row of a batch.

    Args:
        columns: names of the key's columns; dots lead into structs.

    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = tuple(columns)
        self._whole = Multilinear()
        self._parts = tuple(Multilinear() for _ in columns)
        # Multiplying by an odd number loses nothing and spreads keys evenly over the upper bits.
        self._odd = pa.scalar(secrets.randbits(64) | 1, pa.uint64())

    def types(self, batch: pa.RecordBatch) -> tuple[pa.DataType, ...]:
        """Return the types of the key's columns in a batch."""
        return tuple(reach(batch, name).type for name in self._columns)

    def read(self, batch: pa.RecordBatch) -> Keys:
        """Return the keys of a batch; a row with null in any key column has none.

        Raises:
            ContractError: a column's type has no cheap equality (objects, lists, maps).

        """
        columns = [reach(batch, name) for name in self._columns]
        valid = _valid(columns)
        if valid is not None:
            columns = [column.filter(valid) for column in columns]
        for name, column in zip(self._columns, columns, strict=True):
            if pa.types.is_nested(column.type):
                raise ContractError(
                    f"column '{name}' cannot be unique: objects, lists and maps are not compared in bounded memory",
                    "make a member or another column unique",
                )
        exact = _exact(columns[0]) if len(columns) == 1 else None
        if exact is not None:
            order = None if pa.types.is_floating(columns[0].type) else exact
            return Keys(pc.multiply(exact.view(pa.uint64()), self._odd), None, order, valid)
        first, second = self._hashed(columns)
        return Keys(first, second, None, valid)

    def _hashed(self, columns: Sequence[pa.Array]) -> tuple[pa.Array, pa.Array]:
        if len(columns) == 1:
            return _column_hash(columns[0], self._parts[0])
        words = [word for column, part in zip(columns, self._parts, strict=True) for word in _words(column, part)]
        return self._whole.hash(words)


def reach(batch: pa.RecordBatch | pa.StructArray, path: str) -> pa.Array:
    """Return a column by its path: a name, or names joined by dots that lead into structs.

    Raises:
        ContractError: there is no such column.

    """
    fields = batch.schema if isinstance(batch, pa.RecordBatch) else batch.type
    names = path.split(".")
    for size in range(len(names), 0, -1):
        index = fields.get_field_index(".".join(names[:size]))
        if index < 0:
            continue
        column = batch.column(index) if isinstance(batch, pa.RecordBatch) else pc.struct_field(batch, [index])
        if size == len(names):
            return column
        if pa.types.is_struct(column.type):
            return reach(column, ".".join(names[size:]))
    raise ContractError(f"column '{path[:80]}' is not in the table's rows", "name a property of the contract's object")


def _valid(columns: Sequence[pa.Array]) -> pa.Array | None:
    found = None
    for column in columns:
        if column.null_count:
            found = column.is_valid() if found is None else pc.and_(found, column.is_valid())
    return found


# ---- columns as words ----


def _exact(column: pa.Array) -> pa.Array | None:
    """Return a column as int64 in which equal means equal, or None if 64 bits are too few."""
    type_ = column.type
    if pa.types.is_floating(type_):
        # Adding zero turns -0.0 into 0.0, which it equals.
        return pc.add(column.cast(pa.float64()), 0.0).view(pa.int64())
    if pa.types.is_decimal128(type_) and type_.precision <= 18:
        return lanes(column)[0].view(pa.int64())
    if pa.types.is_boolean(type_):
        return column.cast(pa.int64())
    if pa.types.is_integer(type_) or pa.types.is_temporal(type_):
        return column.view({32: pa.int32(), 64: pa.int64()}[type_.bit_width]).cast(pa.int64())
    return None


def _words(column: pa.Array, part: Multilinear) -> list[pa.Array]:
    """Return 32-bit words, as uint64 columns, that tell the values of a column apart."""
    exact = _exact(column)
    return halves([exact.view(pa.uint64())] if exact is not None else _column_hash(column, part))


def column_words(column: pa.Array, part: Multilinear) -> tuple[pa.Array, pa.Array]:
    """Return two 64-bit words for each value of a column without nulls: equal values have equal ones."""
    exact = _exact(column)
    if exact is None:
        return _column_hash(column, part)
    return exact.view(pa.uint64()), pa.repeat(pa.scalar(0, pa.uint64()), len(column))


def _column_hash(column: pa.Array, part: Multilinear) -> tuple[pa.Array, pa.Array]:
    if pa.types.is_decimal128(column.type):
        return part.hash(halves(lanes(column)))
    return _text_hash(column.cast(pa.binary()), part)


def lanes(column: pa.Array) -> list[pa.Array]:
    """Return the two 64-bit halves of 128-bit decimals."""
    halves = pa.Array.from_buffers(pa.uint64(), 2 * len(column), [None, column.buffers()[1]], offset=2 * column.offset)
    pairs = pa.FixedSizeListArray.from_arrays(halves, 2)
    return [pc.list_element(pairs, 0), pc.list_element(pairs, 1)]


def halves(wide: Sequence[pa.Array]) -> list[pa.Array]:
    """Return 64-bit words as twice as many of 32 bits."""
    return [half for lane in wide for half in (pc.bit_wise_and(lane, _LOW), pc.shift_right(lane, _HALF))]


# ---- texts ----


def _text_hash(values: pa.Array, part: Multilinear) -> tuple[pa.Array, pa.Array]:
    """Hash texts by classes of length, so that a long one does not widen all others."""
    lengths = pc.binary_length(values)
    longest = pc.max(lengths).as_py() or 0
    if longest <= WIDTHS[0] or (longest <= WIDTHS[-1] and pc.min(lengths).as_py() > longest // 2):
        return _padded_hash(values, lengths, longest, part)
    rows, first, second = [], [], []
    for low, high in zip((-1, *WIDTHS), (*WIDTHS, longest), strict=True):
        here = pc.indices_nonzero(pc.and_(pc.greater(lengths, low), pc.less_equal(lengths, high)))
        if len(here):
            some, their = values.take(here), lengths.take(here)
            halves = _padded_hash(some, their, high, part) if high in WIDTHS else _digest_hash(some, their, part)
            rows.append(here.cast(pa.int64()))
            first.append(halves[0])
            second.append(halves[1])
    place = pa.concat_arrays(rows)
    return pc.scatter(pa.concat_arrays(first), place), pc.scatter(pa.concat_arrays(second), place)


def _padded_hash(values: pa.Array, lengths: pa.Array, longest: int, part: Multilinear) -> tuple[pa.Array, pa.Array]:
    width = max(4, -(-longest // 4) * 4)
    return part.hash([lengths.cast(pa.uint64()), *pieces(padded(values, lengths, width), width)])


def padded(values: pa.Array, lengths: pa.Array, width: int) -> pa.Array:
    """Return values of exactly `width` bytes, filled up with zeros."""
    if pc.min(lengths).as_py() == width:
        return values
    fill = pa.array([bytes(n) for n in range(width, -1, -1)], pa.binary()).take(lengths)
    return pc.binary_join_element_wise(values, fill, pa.scalar(b""))


def pieces(values: pa.Array, width: int) -> list[pa.Array]:
    """Return texts of one width as columns of 32-bit words."""
    _, offsets, data = values.buffers()
    start = pa.Array.from_buffers(pa.int32(), 1, [None, offsets], offset=values.offset)[0].as_py()
    data = data.slice(start, width * len(values))
    if data.address % 4:
        data = pa.py_buffer(data.to_pybytes())
    words = pa.Array.from_buffers(pa.uint32(), len(values) * width // 4, [None, data])
    rows = pa.FixedSizeListArray.from_arrays(words, width // 4)
    return [pc.list_element(rows, i).cast(pa.uint64()) for i in range(width // 4)]


def _digest_hash(values: pa.Array, lengths: pa.Array, part: Multilinear) -> tuple[pa.Array, pa.Array]:
    digests = [hashlib.blake2b(v, digest_size=16, key=part.secret).digest() for v in values.to_pylist()]
    return part.hash([lengths.cast(pa.uint64()), *pieces(pa.array(digests, pa.binary()), 16)])


class Multilinear:
    """Four independent hashes of 32 bits, each the upper half of a sum of words times random numbers."""

    def __init__(self) -> None:
        self.secret = secrets.token_bytes(32)
        self._random: list[tuple[pa.Scalar, ...]] = [self._draw()]

    def hash(self, words: Sequence[pa.Array]) -> tuple[pa.Array, pa.Array]:
        """Return the two 64-bit halves of the hash of each row."""
        while len(self._random) <= len(words):
            self._random.append(self._draw())
        a, b, c, d = (self._sum(words, i) for i in range(4))
        return _joined(a, b), _joined(c, d)

    def _sum(self, words: Sequence[pa.Array], which: int) -> pa.Array:
        total = pc.add(pc.multiply(words[0], self._random[1][which]), self._random[0][which])
        for word, random in zip(words[1:], self._random[2:], strict=False):
            total = pc.add(total, pc.multiply(word, random[which]))
        return total

    @staticmethod
    def _draw() -> tuple[pa.Scalar, ...]:
        return tuple(pa.scalar(secrets.randbits(64), pa.uint64()) for _ in range(4))


def _joined(a: pa.Array, b: pa.Array) -> pa.Array:
    return pc.bit_wise_or(pc.bit_wise_and(a, _HIGH), pc.shift_right(b, _HALF))
