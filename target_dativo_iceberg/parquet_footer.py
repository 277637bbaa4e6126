"""Footers of Parquet files with the field ids of a table written into them; nothing else is changed.

A footer is one Thrift struct in the compact protocol. Its second field is the schema, which comes before everything
that grows with the file, so only that much is read; what stands behind it is copied. Places in the file stay right,
since the footer is its end. Source of the layout: the Parquet format, `parquet.thrift` and Thrift's compact protocol.
"""

from __future__ import annotations

from collections.abc import Sequence

MAGIC = b"PAR1"
# Length of the footer, and the magic bytes, behind it.
TAIL_BYTES = 8

_STOP, _TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 0, 1, 2, 3, 7, 8, 9, 10, 11, 12
_I32 = 5
_VARINTS = (4, 5, 6)
_SCHEMA_FIELD = 2
_ID_FIELD = 9
_LONG_LIST = 15


def with_field_ids(footer: bytes, ids: Sequence[int]) -> bytes:
    """Return a footer whose columns have field ids.

    Args:
        footer: of a file with columns of single values only.
        ids: of the columns, in the order of the file.

    Raises:
        ValueError: it is no such footer, or a column has another id already.

    """
    try:
        return _rewritten(footer, ids)
    except IndexError:
        raise ValueError("the footer ends too early") from None


def _rewritten(footer: bytes, ids: Sequence[int]) -> bytes:
    at = _start_of_schema(footer)
    count, kind, at = _list_header(footer, at)
    if kind != _STRUCT or count != len(ids) + 1:
        raise ValueError("the schema has other columns")
    start = at
    at = _skipped(footer, at, _STRUCT)  # the root
    parts = [footer[:start], footer[start:at]]
    for id_ in ids:
        element, at = _element(footer, at, id_)
        parts.append(element)
    return b"".join([*parts, footer[at:]])


def _start_of_schema(footer: bytes) -> int:
    """Return where the list of schema elements begins."""
    at = field = 0
    while True:
        field, kind, at = _field_header(footer, at, field)
        if kind == _STOP or field > _SCHEMA_FIELD:
            raise ValueError("the footer has no schema where it should be")
        if field == _SCHEMA_FIELD:
            return at
        at = _skipped(footer, at, kind)


def _element(data: bytes, at: int, id_: int) -> tuple[bytes, int]:
    """Return a schema element with its field id, and where the next one begins."""
    out = bytearray()
    field = written = 0
    has_id = False
    while True:
        field, kind, start = _field_header(data, at, field)
        if not has_id and (kind == _STOP or field >= _ID_FIELD):
            if kind != _STOP and field == _ID_FIELD:
                have, _ = _varint(data, start)
                if kind != _I32 or _unzigzag(have) not in (id_, -1):
                    raise ValueError("a column has another field id")
                at = _skipped(data, start, kind)
            out += _field(_ID_FIELD, _I32, written) + _varint_bytes(_zigzag(id_))
            written, has_id = _ID_FIELD, True
            if kind != _STOP and field == _ID_FIELD:
                continue
        if kind == _STOP:
            out.append(_STOP)
            return bytes(out), start
        at = _skipped(data, start, kind)
        out += _field(field, kind, written) + data[start:at]
        written = field


# ---- Thrift's compact protocol ----


def _field_header(data: bytes, at: int, before: int) -> tuple[int, int, int]:
    """Return number and kind of a field, and where its value begins."""
    head = data[at]
    delta, kind = head >> 4, head & 0x0F
    if kind == _STOP:
        return before, _STOP, at + 1
    if delta:
        return before + delta, kind, at + 1
    number, at = _varint(data, at + 1)
    return _unzigzag(number), kind, at


def _field(number: int, kind: int, before: int) -> bytes:
    delta = number - before
    if 0 < delta <= _LONG_LIST:
        return bytes([delta << 4 | kind])
    return bytes([kind]) + _varint_bytes(_zigzag(number))


def _list_header(data: bytes, at: int) -> tuple[int, int, int]:
    """Return how many elements a list has, of which kind, and where they begin."""
    count, kind = data[at] >> 4, data[at] & 0x0F
    at += 1
    if count == _LONG_LIST:
        count, at = _varint(data, at)
    return count, kind, at


def _skipped(data: bytes, at: int, kind: int) -> int:
    """Return where a value ends."""
    if kind in (_TRUE, _FALSE):
        return at
    if kind in _VARINTS:
        return _varint(data, at)[1]
    if kind == _BINARY:
        length, at = _varint(data, at)
        return _within(data, at + length)
    if kind in (_BYTE, _DOUBLE):
        return _within(data, at + (1 if kind == _BYTE else 8))
    if kind == _STRUCT:
        field = 0
        while True:
            field, inner, at = _field_header(data, at, field)
            if inner == _STOP:
                return at
            at = _skipped(data, at, inner)
    # No list, set or map is in what is read of a footer.
    raise ValueError("the schema has a part that is not known")


def _within(data: bytes, at: int) -> int:
    if at > len(data):
        raise IndexError
    return at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _varint_bytes(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def _unzigzag(value: int) -> int:
    return (value >> 1) ^ -(value & 1)
