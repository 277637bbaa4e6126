"""Short runs of a stream wait for each other: a run costs a worker what hundreds of records cost, before the first one.

The cost is one of calls for each column, so what is short for a stream goes by its columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from target_dativo_iceberg.messages import Records
from target_dativo_iceberg.settings import MIB

if TYPE_CHECKING:
    from target_dativo_iceberg.record_stamp import Stamp
    from target_dativo_iceberg.streams import Stream

# A run of so many bytes is worth its cost: at least, for each column, and of the bytes that may wait.
_LEAST_BYTES = 2 * MIB
_COLUMN_BYTES = 40 << 10
_MOST_SHARE = 0.5


@dataclass(slots=True)
class Gathered:
    """Runs of a stream that became one.

    Attributes:
        stream: whose they are.
        stamp: of the first of them.
        runs: of lines, in order.
        nbytes: of all lines.

    """

    stream: Stream
    stamp: Stamp | None
    runs: list[Records] = field(default_factory=list)
    nbytes: int = 0

    def add(self, run: Records) -> None:
        """Take a run."""
        self.runs.append(run)
        self.nbytes += run.nbytes

    def keep(self) -> None:
        """Have the last run hold no more than its lines: not the block that it was cut from."""
        last = self.runs[-1]
        if last.lines.buffers()[2].size > last.nbytes:
            self.runs[-1] = replace(last, lines=pa.concat_arrays([last.lines]))

    def records(self) -> Records:
        """Return all of them as one run."""
        if len(self.runs) == 1:
            return self.runs[0]
        return Records(
            self.stream.name,
            pa.concat_arrays([run.lines for run in self.runs]),
            numbers=pa.concat_arrays([run.line_numbers() for run in self.runs]),
        )


class Gathering:
    """Runs that wait for more of their streams.

    Args:
        room: bytes that may wait.

    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._waiting: dict[str, Gathered] = {}
        self._nbytes = 0

    def add(self, stream: Stream, run: Records, stamp: Stamp | None) -> Iterator[Gathered]:
        """Take a run of a stream, and yield what waits no longer: the stream's runs, or the most there is of one."""
        waiting = self._waiting.setdefault(stream.name, Gathered(stream, stamp))
        waiting.add(run)
        self._nbytes += run.nbytes
        if waiting.nbytes >= self._enough(stream):
            yield self._taken(waiting)
        else:
            waiting.keep()
        while self._nbytes > self._room:
            yield self._taken(max(self._waiting.values(), key=lambda g: g.nbytes))

    def all(self) -> Iterator[Gathered]:
        """Yield all that waits, what came first before the others."""
        while self._waiting:
            yield self._taken(next(iter(self._waiting.values())))

    def _enough(self, stream: Stream) -> int:
        """Bytes that make a run of a stream long."""
        usual = max(_LEAST_BYTES, _COLUMN_BYTES * len(stream.contract.fields))
        return min(usual, max(_LEAST_BYTES, int(self._room * _MOST_SHARE)))

    def _taken(self, gathered: Gathered) -> Gathered:
        del self._waiting[gathered.stream.name]
        self._nbytes -= gathered.nbytes
        return gathered
