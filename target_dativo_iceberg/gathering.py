"""Short runs of a stream wait for each other: before its first record a run costs a worker what 600 records cost."""

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

# A run of so many bytes is worth its cost.
_RUN_BYTES = 2 * MIB


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
        """Take a run; what is kept of it does not hold the block that it was cut from."""
        lines = run.lines if run.nbytes >= _RUN_BYTES else pa.concat_arrays([run.lines])
        self.runs.append(replace(run, lines=lines))
        self.nbytes += run.nbytes

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
        if waiting.nbytes >= _RUN_BYTES:
            yield self._taken(waiting)
        while self._nbytes > self._room:
            yield self._taken(max(self._waiting.values(), key=lambda g: g.nbytes))

    def all(self) -> Iterator[Gathered]:
        """Yield all that waits, what came first before the others."""
        while self._waiting:
            yield self._taken(next(iter(self._waiting.values())))

    def _taken(self, gathered: Gathered) -> Gathered:
        del self._waiting[gathered.stream.name]
        self._nbytes -= gathered.nbytes
        return gathered
