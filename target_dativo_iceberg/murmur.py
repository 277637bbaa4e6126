"""Iceberg's bucket hash (32-bit Murmur3, x86 variant, seed 0) of whole columns.

Values up to 256 bytes are hashed as columns of 32-bit words; only longer texts one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from target_dativo_iceberg.contract.rules.key_words import WIDTHS, lanes, padded, pieces

_WORD = pa.uint32()
_LOW = pa.scalar(0xFFFFFFFF, pa.uint64())


def hash_integers(values: pa.Array) -> pa.Array:
    """Return the hashes of an int64 column without nulls."""
    bits = values.view(pa.uint64())
    words = [pc.bit_wise_and(bits, _LOW).cast(_WORD), _right64(bits, 32).cast(_WORD)]
    return _finished(_blocks(_zeros(len(values)), words), pa.scalar(8, _WORD))


def hash_bytes(values: pa.Array, one: Callable[[bytes], int]) -> pa.Array:
    """Return the hashes of a binary column without nulls.

    Args:
        values: the column.
        one: hash of a single value, for those beyond 256 bytes.

    """
    lengths = pc.binary_length(values)
    longest = pc.max(lengths).as_py() or 0
    if len(values) == 0 or longest <= WIDTHS[0]:
        return _hash_padded(values, lengths, longest)
    found: list[tuple[pa.Array, pa.Array]] = []
    for low, high in zip((-1, *WIDTHS), (*WIDTHS, longest), strict=True):
        here = pc.indices_nonzero(pc.and_(pc.greater(lengths, low), pc.less_equal(lengths, high)))
        if len(here):
            some, their = values.take(here), lengths.take(here)
            wide = high not in WIDTHS
            hashes = _one_by_one(some, one) if wide else _hash_padded(some, their, pc.max(their).as_py())
            found.append((here, hashes))
    return _scattered(found)


def _one_by_one(values: pa.Array, one: Callable[[bytes], int]) -> pa.Array:
    return pa.array([one(value) & 0xFFFFFFFF for value in values.to_pylist()], _WORD)


def _hash_padded(values: pa.Array, lengths: pa.Array, longest: int) -> pa.Array:
    """Hash values filled up with zeros: a last word that is not whole is read as the tail it then is."""
    width = max(4, -(-longest // 4) * 4)
    if len(values) == 0:
        return pa.array([], _WORD)
    words = [word.cast(_WORD) for word in pieces(padded(values, lengths, width), width)]
    sizes = lengths.cast(_WORD)
    hashes = _zeros(len(values))
    if pc.min(lengths).as_py() == longest == width:
        return _finished(_blocks(hashes, words), sizes)
    for index, word in enumerate(words):
        start = pa.scalar(4 * index, _WORD)
        whole = pc.greater_equal(sizes, pa.scalar(4 * index + 4, _WORD))
        tail = pc.and_not(pc.greater(sizes, start), whole)
        mixed = _mixed(word)
        hashes = pc.if_else(whole, _stirred(hashes, mixed), pc.if_else(tail, pc.bit_wise_xor(hashes, mixed), hashes))
    return _finished(hashes, sizes)


# ---- decimals ----


def hash_decimals(values: pa.Array) -> pa.Array:
    """Return the hashes of a decimal128 column without nulls: of its unscaled number in as few bytes as it takes."""
    low, high = lanes(values)
    sizes = _sizes(low, high)
    found = []
    for size in pc.unique(sizes).to_pylist():
        here = pc.indices_nonzero(pc.equal(sizes, size))
        found.append((here, _hash_number(low.take(here), high.take(here), size)))
    return _scattered(found)


def _sizes(low: pa.Array, high: pa.Array) -> pa.Array:
    """Return how many bytes each 128-bit number needs in two's complement."""
    low, high = low.view(pa.int64()), high.view(pa.int64())
    sign = pc.if_else(pc.less(low, 0), pa.scalar(-1, pa.int64()), pa.scalar(0, pa.int64()))
    return pc.if_else(pc.equal(high, sign), _bytes_of(low), pc.add(_bytes_of(high), pa.scalar(8, pa.int8())))


def _bytes_of(number: pa.Array) -> pa.Array:
    size = pa.repeat(pa.scalar(1, pa.int8()), len(number))
    for count in range(1, 8):
        limit = 1 << (8 * count - 1)
        outside = pc.or_(pc.less(number, -limit), pc.greater_equal(number, limit))
        size = pc.add(size, outside.cast(pa.int8()))
    return size


def _hash_number(low: pa.Array, high: pa.Array, size: int) -> pa.Array:
    """Hash numbers that take `size` bytes, highest byte first."""
    whole, rest = divmod(size, 4)
    words = [_swapped(_bits_from(low, high, 8 * (size - 4 - 4 * index))) for index in range(whole)]
    hashes = _blocks(_zeros(len(low)), words)
    if rest:
        last = pc.shift_left(_bits_from(low, high, 0), pa.scalar(8 * (4 - rest), _WORD))
        hashes = pc.bit_wise_xor(hashes, _mixed(_swapped(last)))
    return _finished(hashes, pa.scalar(size, _WORD))


def _bits_from(low: pa.Array, high: pa.Array, start: int) -> pa.Array:
    """Return 32 bits of 128-bit numbers from bit `start` on."""
    if start >= 64:
        bits = _right64(high, start - 64)
    elif start == 0:
        bits = low
    else:
        bits = pc.bit_wise_or(_right64(low, start), pc.shift_left(high, pa.scalar(64 - start, pa.uint64())))
    return pc.bit_wise_and(bits, _LOW).cast(_WORD)


def _swapped(word: pa.Array) -> pa.Array:
    """Return 32-bit words with their bytes in reverse order."""
    inner = pc.bit_wise_or(
        pc.bit_wise_and(_right(word, 8), pa.scalar(0x0000FF00, _WORD)),
        pc.bit_wise_and(_left(word, 8), pa.scalar(0x00FF0000, _WORD)),
    )
    return pc.bit_wise_or(inner, pc.bit_wise_or(_right(word, 24), _left(word, 24)))


# ---- the hash ----


def _blocks(hashes: pa.Array, words: Iterable[pa.Array]) -> pa.Array:
    for word in words:
        hashes = _stirred(hashes, _mixed(word))
    return hashes


def _mixed(word: pa.Array) -> pa.Array:
    return _times(_rotated(_times(word, 0xCC9E2D51), 15), 0x1B873593)


def _stirred(hashes: pa.Array, mixed: pa.Array) -> pa.Array:
    return pc.add(_times(_rotated(pc.bit_wise_xor(hashes, mixed), 13), 5), pa.scalar(0xE6546B64, _WORD))


def _finished(hashes: pa.Array, sizes: pa.Array | pa.Scalar) -> pa.Array:
    hashes = pc.bit_wise_xor(hashes, sizes)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        hashes = _times(pc.bit_wise_xor(hashes, _right(hashes, shift)), factor)
    return pc.bit_wise_xor(hashes, _right(hashes, 16))


def _zeros(count: int) -> pa.Array:
    return pa.repeat(pa.scalar(0, _WORD), count)


def _times(word: pa.Array, factor: int) -> pa.Array:
    return pc.multiply(word, pa.scalar(factor, _WORD))


def _rotated(word: pa.Array, by: int) -> pa.Array:
    return pc.bit_wise_or(_left(word, by), _right(word, 32 - by))


def _left(word: pa.Array, by: int) -> pa.Array:
    return pc.shift_left(word, pa.scalar(by, _WORD))


def _right(word: pa.Array, by: int) -> pa.Array:
    return pc.shift_right(word, pa.scalar(by, _WORD))


def _right64(bits: pa.Array, by: int) -> pa.Array:
    return pc.shift_right(bits, pa.scalar(by, pa.uint64()))


def _scattered(found: Sequence[tuple[pa.Array, pa.Array]]) -> pa.Array:
    """Put hashes of groups of rows back in the order of the rows."""
    if not found:
        return pa.array([], _WORD)
    place = pa.concat_arrays([rows.cast(pa.int64()) for rows, _ in found])
    return pc.scatter(pa.concat_arrays([hashes for _, hashes in found]), place)
