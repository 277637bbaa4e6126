"""What a worker is given and what it gives back. Both can be pickled, and neither holds a secret or a catalog."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.manifest import DataFile

    from target_dativo_iceberg.contract.model import Field
    from target_dativo_iceberg.contract.rules.verdict import Reasons
    from target_dativo_iceberg.files import FileTarget
    from target_dativo_iceberg.messages import BatchFiles
    from target_dativo_iceberg.quarantine import Rejected
    from target_dativo_iceberg.record_stamp import Stamp
    from target_dativo_iceberg.report import StreamReport
    from target_dativo_iceberg.streams import Stream


@dataclass(frozen=True, slots=True)
class Task:
    """Files of one stream that are staged together.

    Attributes:
        name: starts the name of each file that is written, with the attempt.
        stream: whose rows they have.
        files: a part of a BATCH.
        roots: folders whose files may be read.
        good: where accepted rows go.
        bad: where rejected ones go.
        run_id: of the run.
        stamp: what the target itself says of the rows.
        repeats: by index among the accepted rows, the reasons against those that repeat a key; empty until it is known.
        attempt: how often it was begun, from 1.

    """

    name: str
    stream: Stream
    files: BatchFiles
    roots: tuple[Path, ...]
    good: FileTarget
    bad: FileTarget
    run_id: str
    stamp: Stamp | None = None
    repeats: Mapping[int, Reasons] = field(default_factory=dict)
    attempt: int = 1

    @property
    def prefix(self) -> str:
        """Start of the name of each file that this attempt writes."""
        return f"{self.name}-{self.attempt}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a task.

    Attributes:
        counts: of its records.
        good: data files with accepted rows.
        bad: data files with rejected ones.
        keys: key columns of the accepted rows, in order, if keys may not repeat.
        marks: columns for marks that the table lacks; nothing was written then.
        failed: the first record whose violation ends the run, without its text, and how many there are; nothing is left
            of what was written then.

    """

    counts: StreamReport
    good: tuple[DataFile, ...] = ()
    bad: tuple[DataFile, ...] = ()
    keys: pa.RecordBatch | None = None
    marks: tuple[Field, ...] = ()
    failed: tuple[Rejected, int] | None = None

    def discard(self, task: Task) -> None:
        """Delete what was written; nothing refers to it."""
        for target, files in ((task.good, self.good), (task.bad, self.bad)):
            for file in files:
                target.delete(file.file_path)
