"""Whole columns of text to typed columns: what a pattern describes and Arrow reads; the other rows are unsure.

Arrow reads more than is meant here (`0x1F`, `+1.`, `2024-01-01T10`), so success of a cast proves nothing. Mostly all
values of a column are of the plainest form, which the range of the bytes in it proves; else the pattern decides.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from target_dativo_iceberg.contract.values.masks import Cast, flagged
from target_dativo_iceberg.contract.values.octets import longest, octets

# The bytes `-`, `.`, `/` and digits. Of these alone Arrow makes a number only if it is written as JSON writes one,
# or lacks digits on one side of its point, which `coerce` allows as well.
_PLAIN = (ord("-"), ord("9"))
# More digits than a decimal of 128 bits holds are read as another number.
_LONGEST = 38
# Up to this scale a decimal of 128 bits is roomy enough for all but the largest numbers, and faster than one of 256.
_SMALL_SCALE = 10
_WHOLE = r"^-?[0-9]{1,18}$"
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"
_DATE = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?"
_ISO_DATE = f"^{_DATE}$"
_ISO_TIME = f"^{_CLOCK}$"
_ISO_NAIVE = f"^{_DATE}([T ]{_CLOCK})?$"
_ISO_ZONED = f"^{_DATE}[T ]{_CLOCK}(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)$"
_UUID = r"^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$"
_BASE64 = r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
_HEX = r"^([0-9a-fA-F]{2})*$"
_UTC = pa.timestamp("us", "UTC")
_NAIVE = pa.timestamp("us")

Convert = Callable[[pa.Array], pa.Array]


def _matching(array: pa.Array, pattern: str, convert: Convert) -> Cast:
    """Convert the texts that match a pattern; the others are unsure."""
    fits = pc.match_substring_regex(array, pattern)
    unsure = flagged(pc.invert(fits))
    if unsure is None:
        return convert(array), None
    return convert(pc.if_else(fits, array, pa.scalar(None, array.type))), unsure


def _numbers(array: pa.Array, pattern: str, target: pa.DataType) -> Cast:
    try:
        values = array.cast(target)
    except pa.ArrowInvalid:
        return _matching(array, pattern, lambda a: a.cast(target))
    return (values, None) if _is_plain(array) else _matching(array, pattern, lambda a: a.cast(target))


def _is_plain(array: pa.Array) -> bool:
    low, high = pc.min_max(octets(array)).as_py().values()
    return low is None or (low >= _PLAIN[0] and high <= _PLAIN[1] and longest(array) <= _LONGEST)


def _buffer(array: pa.Array) -> pa.Buffer:
    """Return all bytes of a text or binary array without a copy."""
    found = octets(array)
    return found.buffers()[1].slice(found.offset, len(found)) if len(found) else pa.py_buffer(b"")


def integers(array: pa.Array) -> Cast:
    """Read integers of 64 bits."""
    return _numbers(array, _WHOLE, pa.int64())


def doubles(array: pa.Array) -> Cast:
    """Read floating-point numbers; those too large become infinite."""
    return _numbers(array, _NUMBER, pa.float64())


def roomy_decimal(precision: int, scale: int) -> pa.DataType:
    """Return a type to parse a decimal as: whatever its parser lets in, the digits that the scale adds still fit.

    Arrow's parsers check the digits that came and shift by the scale afterwards, without a check: a number that
    then has too many becomes another number (so does one with an exponent far below zero, see `Plan`). Numbers that
    the type does not let in go to `coerce`.
    """
    if precision + scale <= 38 or scale <= _SMALL_SCALE:
        return pa.decimal128(min(precision, 38 - scale), scale)
    return pa.decimal256(76 - scale, scale)


def decimals(array: pa.Array, precision: int, scale: int) -> Cast:
    """Read decimals exactly, as `roomy_decimal`."""
    target = roomy_decimal(precision, scale)
    fraction = rf"(\.[0-9]{{1,{scale}}})?" if scale else ""
    return _numbers(array, f"^-?[0-9]{{1,{max(target.precision - scale, 1)}}}{fraction}$", target)


# ---- temporal ----


def dates(array: pa.Array) -> Cast:
    """Read dates."""
    try:
        return array.cast(pa.date32()), None
    except pa.ArrowInvalid:
        return _matching(array, _ISO_DATE, lambda a: a.cast(pa.date32()))


def times(array: pa.Array) -> Cast:
    """Read times of day."""
    return _matching(array, _ISO_TIME, _times)


def _times(array: pa.Array) -> pa.Array:
    # Arrow casts no text to a time; it does cast a timestamp.
    moment = pc.binary_join_element_wise(pa.scalar("1970-01-01"), array, pa.scalar("T"))
    return moment.cast(_NAIVE).cast(pa.time64("us"))


def instants(array: pa.Array, naive_is_utc: bool) -> Cast:
    """Read date-times with a zone, and those without as UTC if so told."""
    try:
        return array.cast(_UTC), None
    except pa.ArrowInvalid:
        return _mixed(array, _ISO_ZONED, _UTC, _ISO_NAIVE if naive_is_utc else None, _NAIVE)


def date_times(array: pa.Array, zoned_to_utc: bool) -> Cast:
    """Read date-times without a zone, and those with one as UTC if so told."""
    try:
        return array.cast(_NAIVE), None
    except pa.ArrowInvalid:
        return _mixed(array, _ISO_NAIVE, _NAIVE, _ISO_ZONED if zoned_to_utc else None, _UTC)


def _mixed(array: pa.Array, own: str, target: pa.DataType, other: str | None, foreign: pa.DataType) -> Cast:
    values, unsure = _matching(array, own, lambda a: a.cast(target))
    if other is None or unsure is None:
        return values, unsure
    others, left = _matching(array.filter(unsure), other, lambda a: a.cast(foreign).cast(target))
    values = pc.replace_with_mask(values, unsure, others)
    return values, None if left is None else pc.replace_with_mask(unsure, unsure, left)


# ---- bytes ----


def uuids(array: pa.Array) -> Cast:
    """Read UUIDs as their 16 bytes."""
    return _matching(array, _UUID, _uuids)


def _uuids(array: pa.Array) -> pa.Array:
    digits = pc.fill_null(pc.replace_substring(array, "-", ""), "0" * 32)
    values = pa.Array.from_buffers(pa.binary(16), len(array), [None, _unhexed(digits)])
    return pc.if_else(array.is_valid(), values, pa.scalar(None, values.type))


def _unhexed(array: pa.Array) -> pa.Buffer:
    return pa.py_buffer(binascii.unhexlify(_buffer(array)))


def encoded(array: pa.Array, encoding: str) -> Cast:
    """Read bytes from their text."""
    if encoding == "utf8":
        return array.cast(pa.binary()), None
    return _matching(array, _HEX, _of_hex) if encoding == "hex" else _matching(array, _BASE64, _of_base64)


def _of_hex(array: pa.Array) -> pa.Array:
    texts = pc.fill_null(array, "")
    return _binary(_unhexed(texts), pc.divide(pc.binary_length(texts), 2), array)


def _of_base64(array: pa.Array) -> pa.Array:
    """Decode all values in one go: with letters in place of the padding they follow each other without a gap."""
    texts = pc.fill_null(array, "")
    padded = pc.count_substring(texts, "=")
    letters = _buffer(pc.replace_substring(texts, "=", "A"))
    sizes = pc.multiply(pc.divide(pc.binary_length(texts), 4), 3)
    values = _binary(pa.py_buffer(binascii.a2b_base64(letters)), sizes, array)
    for pad in (1, 2):
        values = pc.if_else(pc.equal(padded, pad), pc.binary_slice(values, 0, -pad), values)
    return values


def _binary(data: pa.Buffer, sizes: pa.Array, like: pa.Array) -> pa.Array:
    """Cut a buffer into values of the given sizes; null where another array is."""
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(sizes).cast(pa.int32())])
    values = pa.Array.from_buffers(pa.binary(), len(sizes), [None, offsets.buffers()[1], data])
    return pc.if_else(like.is_valid(), values, pa.scalar(None, pa.binary()))
