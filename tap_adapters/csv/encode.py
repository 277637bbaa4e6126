"""Arrow batches to lines of JSON, column by column: no Python object per cell."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pyarrow as pa

from tap_adapters.common.arrow import compute as pc

MAX_LINES_BYTES = 64 * 2**20
SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
CONTROLS = {chr(code): SHORT.get(chr(code), f"\\u{code:04x}") for code in range(0x20)}
# The backslash comes first: the escapes of the others bring backslashes of their own.
ESCAPES = {"\\": "\\\\", '"': '\\"', **CONTROLS}
ESCAPED = r'[\\"\x00-\x1f]'


def json_lines(batch: pa.RecordBatch, head: str, tail: str) -> Iterator[memoryview]:
    """Yield blocks of lines, `head{…}tail` for each row, with the columns of the batch as the object's keys.

    Columns are text, int64, double (finite) or bool. Blocks are cut so that long column names beside short
    cells stay bounded.
    """
    names = [msgspec.json.encode(name).decode() for name in batch.schema.names]
    fixed = len(head) + len(tail) + sum(len(name) + 8 for name in names)
    step = max(1, MAX_LINES_BYTES // (fixed + batch.nbytes // max(1, batch.num_rows)))
    for start in range(0, batch.num_rows, step):
        yield _block(batch.slice(start, step), names, head, tail)


def _block(batch: pa.RecordBatch, names: list[str], head: str, tail: str) -> memoryview:
    if not names:
        return memoryview(f"{head}{{}}{tail}\n".encode() * batch.num_rows)
    pieces: list[pa.Scalar | pa.Array] = []
    literal = head + "{"
    for name, column in zip(names, batch.columns, strict=True):
        before, value, after = _value(column)
        pieces += [pa.scalar(f"{literal}{name}:{before}"), value]
        literal = after + ","
    pieces.append(pa.scalar(literal.removesuffix(",") + "}" + tail + "\n"))
    joined = pc.binary_join_element_wise(*pieces, "")
    return memoryview(joined.buffers()[2])


def _value(column: pa.Array) -> tuple[str, pa.Array, str]:
    """The JSON of a column, and what is to stand before and after each value."""
    quoted = pa.types.is_string(column.type)
    text = _escaped(column) if quoted else pc.cast(column, pa.string())
    if not column.null_count:
        return ('"', text, '"') if quoted else ("", text, "")
    if quoted:
        text = pc.binary_join_element_wise('"', text, '"', "")
    return "", pc.coalesce(text, pa.scalar("null")), ""


def _escaped(text: pa.Array) -> pa.Array:
    if not pc.any(pc.match_substring_regex(text, ESCAPED)).as_py():
        return text
    for character, escape in ESCAPES.items():
        if pc.any(pc.match_substring(text, character)).as_py():
            text = pc.replace_substring(text, character, escape)
    return text
