"""Lines as Arrow arrays over the memory they were read into: found and measured without a copy."""

from __future__ import annotations

import itertools

import pyarrow as pa
import pyarrow.compute as pc

from target_dativo_iceberg.contract.values.octets import offsets

_NEWLINE = 10
_WORD = 32
# So few gaps between lines are cut out by slices.
_FEW = 32


def line_array(data: pa.Buffer) -> pa.BinaryArray:
    """Return the lines of a buffer (each with its newline) as an array over the same memory."""
    ends = _newlines(data)
    edges = [pa.array([0], pa.int32()), pc.add(ends, pa.scalar(1, pa.int32()))]
    if not len(ends) or ends[-1].as_py() != data.size - 1:
        edges.append(pa.array([data.size], pa.int32()))
    joined = pa.concat_arrays(edges)
    return pa.Array.from_buffers(pa.binary(), len(joined) - 1, [None, joined.buffers()[1], data])


def _newlines(data: pa.Buffer) -> pa.Int32Array:
    """Return where the newlines of a buffer are.

    The mask of newlines is looked through by words of 32 bits, of which hardly any has more than one bit set: which one
    is its logarithm. To look for set bits one by one takes four times as long.
    """
    octets = pa.Array.from_buffers(pa.uint8(), data.size, [None, data])
    mask = pc.equal(octets, pa.scalar(_NEWLINE, pa.uint8()))
    words = pa.Array.from_buffers(pa.uint32(), data.size // _WORD, [None, mask.buffers()[1]])
    places = pc.indices_nonzero(words)
    found = words.take(places)
    if len(found) and pc.max(pc.bit_wise_and(found, pc.subtract(found, pa.scalar(1, pa.uint32())))).as_py():
        return pc.indices_nonzero(mask).cast(pa.int32())
    starts = pc.multiply(places.cast(pa.int32()), pa.scalar(_WORD, pa.int32()))
    whole = pc.add(starts, pc.log2(found.cast(pa.float64())).cast(pa.int32()))
    rest = mask.slice(len(words) * _WORD)
    return pa.concat_arrays(
        [whole, pc.add(pc.indices_nonzero(rest).cast(pa.int32()), pa.scalar(len(words) * _WORD, pa.int32()))]
    )


def offsets_of(lines: pa.BinaryArray) -> memoryview[int]:
    """Return where each line begins in the memory of the array, and the last one ends, to be looked at one by one."""
    return memoryview(lines.buffers()[1]).cast("i")[lines.offset :][: len(lines) + 1]


def data_of(lines: pa.BinaryArray) -> pa.Buffer:
    """Return the bytes of an array of lines, without a copy."""
    found = offsets(lines)
    start, stop = found[0].as_py(), found[-1].as_py()
    return lines.buffers()[2].slice(start, stop - start)


def lines_of(lines: pa.BinaryArray, mask: pa.BooleanArray) -> pa.BinaryArray:
    """Return the lines of a mask: in pieces where few others stand between them, which is faster than line by line."""
    others = pc.indices_nonzero(pc.invert(mask))
    if len(others) > _FEW:
        return lines.filter(mask)
    edges = [-1, *others.to_pylist(), len(lines)]
    spans = ((begin + 1, end) for begin, end in itertools.pairwise(edges))
    pieces = [lines.slice(begin, end - begin) for begin, end in spans if begin < end]
    return pieces[0] if len(pieces) == 1 else pa.concat_arrays(pieces)
