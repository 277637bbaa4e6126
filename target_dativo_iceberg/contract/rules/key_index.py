"""The keys seen so far, in bounded memory: sorted runs that are searched by bucket, the large ones in mapped files.

A run is a column of keys grouped by their upper bits, with the start of each group. Runs of like size are merged four
at a time, so a key is moved a few times only and a look-up meets a few dozen runs at most. Once the runs in memory
pass the bound they become one file, which is mapped and unlinked at once: nothing is left behind, however the run
ends, and what the operating system keeps of it in memory can be taken back at any time.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc

from target_dativo_iceberg.errors import StoreError

_FAN = 4
_DIGIT = 12
# Merging holds the keys, their order and their copy at the same time: so much more than the keys alone.
_WORKING = 6
# Keys of one run are counted in 32 bits; runs that would pass this stay side by side.
_LARGEST = 2**31


@dataclass(frozen=True, slots=True)
class Run:
    """Distinct keys, grouped by their upper `bits`; group g is at `starts[g]` up to `starts[g + 1]`."""

    first: pa.Array
    second: pa.Array | None
    starts: pa.Array
    bits: int

    @property
    def nbytes(self) -> int:
        """Bytes of keys and starts."""
        return sum(column.nbytes for column in (self.first, self.second, self.starts) if column is not None)

    def part(self, number: int, bits: int) -> tuple[pa.Array, pa.Array | None]:
        """Return the keys whose upper `bits` (at most this run's) are `number`."""
        shift = self.bits - bits
        start, stop = self.starts[number << shift].as_py(), self.starts[(number + 1) << shift].as_py()
        return self.first[start:stop], None if self.second is None else self.second[start:stop]

    def rows(self, first: pa.Array, second: pa.Array | None) -> pa.Array:
        """Return the positions of those keys that are in the run."""
        return self.pairs(first, second)[0]

    def pairs(self, first: pa.Array, second: pa.Array | None) -> tuple[pa.Array, pa.Array]:
        """Return the positions of those keys that are in the run, each with the position of its equal in the run."""
        group = pc.shift_right(first, _shift(self.bits)).cast(pa.int64())
        start = self.starts.take(group).cast(pa.int64())
        count = pc.subtract(self.starts.take(pc.add(group, 1)).cast(pa.int64()), start)
        end = pc.cumulative_sum(count)
        total = end[-1].as_py()
        # One row for each pair of a key and a member of its group.
        lists = pa.LargeListArray.from_arrays(pa.concat_arrays([pa.array([0], pa.int64()), end]), pa.nulls(total))
        key = pc.list_parent_indices(lists)
        shift = pc.subtract(start, pc.subtract(end, count))
        member = pc.add(pa.arange(0, total), shift.take(key))
        same = pc.equal(self.first.take(member), first.take(key))
        if self.second is not None and second is not None:
            hits = pc.indices_nonzero(same)
            key, member = key.take(hits), member.take(hits)
            same = pc.equal(self.second.take(member), second.take(key))
        return key.filter(same), member.filter(same)


def placed(first: pa.Array, bits: int = 2 * _DIGIT) -> pa.Array:
    """Return the stable order of keys by at least their upper `bits`, digit by digit.

    Digits are of 12 bits because Arrow sorts integers of a small range by counting: 2 ns a key.
    """
    order = None
    for digit in range(-(-bits // _DIGIT), 0, -1):
        keys = first if order is None else first.take(order)
        value = pc.bit_wise_and(pc.shift_right(keys, _shift(_DIGIT * digit)), pa.scalar((1 << _DIGIT) - 1, pa.uint64()))
        step = pc.array_sort_indices(value.cast(pa.uint16()))
        order = step if order is None else order.take(step)
    return order


def _shift(bits: int) -> pa.Scalar:
    return pa.scalar(64 - bits, pa.uint64())


def _bits_for(count: int) -> int:
    """Return how many bits make groups of one or two keys."""
    return min(max(1, count.bit_length() - 1), 30)


def _starts(group: pa.Array, groups: int) -> pa.Array:
    """Return where each of `groups` groups starts among rows ordered by group, and at last where the rows end."""
    runs = pc.run_end_encode(group, run_end_type=pa.int64())
    until = pa.concat_arrays([pc.add(runs.values, 1), pa.array([groups + 1], pa.int64())])
    start = pa.concat_arrays([pa.array([0], pa.int64()), runs.run_ends])
    return pc.run_end_decode(pa.RunEndEncodedArray.from_arrays(until, start)).cast(pa.int32())


def run_of(first: pa.Array, second: pa.Array | None) -> Run:
    """Make a run of keys that are in the order of `placed`."""
    bits = _bits_for(len(first))
    group = pc.shift_right(first, _shift(bits)).cast(pa.int64())
    return Run(first, second, _starts(group, 1 << bits), bits)


def merged(runs: Sequence[Run]) -> Run:
    """Make one run of several, in memory."""
    first, second = _concat([(run.first, run.second) for run in runs])
    return _ordered_run(first, second)


def _ordered_run(first: pa.Array, second: pa.Array | None) -> Run:
    order = placed(first, max(2 * _DIGIT, _bits_for(len(first))))
    return run_of(first.take(order), None if second is None else second.take(order))


def _concat(parts: Sequence[tuple[pa.Array, pa.Array | None]]) -> tuple[pa.Array, pa.Array | None]:
    seconds = [second for _, second in parts if second is not None]
    return pa.concat_arrays([first for first, _ in parts]), pa.concat_arrays(seconds) if seconds else None


class KeyIndex:
    """A set of keys that takes about `memory_bytes` of memory and for the rest the disk.

    Args:
        memory_bytes: bound of keys in memory and of the work on them.
        scratch: folder for files, made when it is needed.

    """

    def __init__(self, memory_bytes: int, scratch: Path) -> None:
        self._budget = memory_bytes // _WORKING
        self._scratch = scratch
        self._runs: list[Run] = []
        self._mapped: list[Run] = []
        self._later: list[pa.Array] = []
        self._later_bytes = 0
        self._later_mapped: list[pa.Array] = []

    def append(self, first: pa.Array) -> None:
        """Take exact keys known to be new, in any order; they are put in place when a look-up needs them."""
        self._later.append(first)
        self._later_bytes += first.nbytes
        if self._later_bytes > self._budget:
            with _Sections(self._scratch, 1) as file:
                for keys in self._later:
                    file.write(0, keys)
                self._later_mapped.append(file.mapped(0, pa.uint64()))
            self._later, self._later_bytes = [], 0

    def add(self, first: pa.Array, second: pa.Array | None) -> None:
        """Take keys known to be new, in the order of `placed`."""
        if len(first):
            self._runs.append(run_of(first, second))
            self._settle()

    def rows(self, first: pa.Array, second: pa.Array | None) -> list[pa.Array]:
        """Return the positions of those keys that are in the set."""
        self._place_later()
        found = (run.rows(first, second) for run in (*self._runs, *self._mapped))
        return [rows for rows in found if len(rows)]

    def _place_later(self) -> None:
        late = [*self._later_mapped, *([pa.concat_arrays(self._later)] if self._later else [])]
        self._later, self._later_bytes, self._later_mapped = [], 0, []
        for keys in late:
            self._runs.append(_ordered_run(keys, None))
            self._settle()

    def _settle(self) -> None:
        """Merge runs of like size, and move all to a file once they pass the bound."""
        while alike := _alike(self._runs):
            self._runs = [run for run in self._runs if all(run is not other for other in alike)]
            self._runs.append(merged(alike))
        if sum(run.nbytes for run in self._runs) > self._budget:
            runs, self._runs = self._runs, []
            self._mapped.append(self._to_file(runs))
            while alike := _alike(self._mapped):
                self._mapped = [run for run in self._mapped if all(run is not other for other in alike)]
                self._mapped.append(self._to_file(alike))

    def _to_file(self, runs: Sequence[Run]) -> Run:
        """Merge runs into a file, part by part."""
        count = sum(len(run.first) for run in runs)
        bits = _bits_for(count)
        share = (sum(run.nbytes for run in runs) // max(1, self._budget)).bit_length()
        parts = min(share, bits, *(run.bits for run in runs))
        with _Sections(self._scratch, 3) as file:
            for column, keys in _placed_parts(runs, parts, bits):
                file.write(column, keys)
            second = None if runs[0].second is None else file.mapped(1, pa.uint64())
            return Run(file.mapped(0, pa.uint64()), second, file.mapped(2, pa.int32()), bits)


def _alike(runs: Sequence[Run]) -> list[Run]:
    """Return four runs or more whose sizes are within a factor of four, if there are."""
    sizes: dict[int, list[Run]] = {}
    for run in runs:
        sizes.setdefault(len(run.first).bit_length() // 2, []).append(run)
    fit = (alike for alike in sizes.values() if sum(len(run.first) for run in alike) < _LARGEST)
    return next((alike for alike in fit if len(alike) >= _FAN), [])


def _placed_parts(runs: Sequence[Run], parts: int, bits: int) -> Iterator[tuple[int, pa.Array]]:
    """Merge the runs for one value of their upper `parts` bits after another; yield columns 0, 1 and 2 of a run."""
    base = 0
    groups = 1 << (bits - parts)
    for number in range(1 << parts):
        first, second = _concat([run.part(number, parts) for run in runs])
        order = placed(first, max(2 * _DIGIT, bits))
        first = first.take(order)
        group = pc.subtract(pc.shift_right(first, _shift(bits)).cast(pa.int64()), number * groups)
        yield 0, first
        if second is not None:
            yield 1, second.take(order)
        yield 2, pc.add(_starts(group, groups), pa.scalar(base, pa.int32()))[:-1]
        base += len(first)
    yield 2, pa.array([base], pa.int32())


class _Sections:
    """Columns of 64-bit numbers, each in a file of its own that has no name once it is mapped."""

    def __init__(self, scratch: Path, count: int) -> None:
        self._paths: list[Path] = []
        self._files: list[IO[bytes]] = []
        try:
            scratch.mkdir(parents=True, exist_ok=True)
            for _ in range(count):
                number, name = tempfile.mkstemp(dir=scratch, prefix="keys-")
                self._files.append(os.fdopen(number, "wb"))
                self._paths.append(Path(name))
        except OSError as error:
            self.__exit__()
            raise _full(scratch, error) from None

    def __enter__(self) -> _Sections:
        return self

    def __exit__(self, *_: object) -> None:
        for file, path in zip(self._files, self._paths, strict=False):
            with suppress(OSError):  # a full disk cannot take the end of a file that is deleted anyway
                file.close()
            path.unlink(missing_ok=True)

    def write(self, section: int, column: pa.Array) -> None:
        """Append a column without nulls."""
        data, width = column.buffers()[1], column.type.bit_width // 8
        if len(column):
            try:
                self._files[section].write(data.slice(column.offset * width, len(column) * width))
            except OSError as error:
                raise _full(self._paths[section].parent, error) from None

    def mapped(self, section: int, type_: pa.DataType) -> pa.Array:
        """Return a section as a column that lives in its file."""
        try:
            self._files[section].close()
            with pa.memory_map(str(self._paths[section])) as file:
                data = file.read_buffer()
        except OSError as error:
            raise _full(self._paths[section].parent, error) from None
        return pa.Array.from_buffers(type_, data.size * 8 // type_.bit_width, [None, data])


def _full(scratch: Path, error: OSError) -> StoreError:
    return StoreError(
        f"keys that must be unique do not fit in memory, and the folder '{scratch}' cannot take them: {error.strerror}",
        "free disk space there or name another folder",
    )
