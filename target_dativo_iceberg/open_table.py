"""A table in the open epoch: rows that wait to be written, and what has been written of them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.manifest import DataFile

    from target_dativo_iceberg.activation import Activation
    from target_dativo_iceberg.arranged import Writer
    from target_dativo_iceberg.contract.model import Contract
    from target_dativo_iceberg.publish import Checkpoint
    from target_dativo_iceberg.retirement import Retirement
    from target_dativo_iceberg.settings import Settings
    from target_dativo_iceberg.tables import Destination, Store
    from target_dativo_iceberg.upsert import Upsert

Identifier = tuple[str, ...]


@dataclass(slots=True)
class OpenTable:
    """A table in the open epoch. `destination` and what follows it belong to the encoder thread.

    Attributes:
        stream: whose rows it takes.
        identifier: namespace parts and name.
        contract: what its rows are written by now.
        settings: of the stream.
        batches: rows that wait for others of their row group.
        rows: how many.
        nbytes: of Arrow memory that they take.
        destination: the table as the epoch will leave it.
        writer: of its data files.
        upsert: rows to be merged by key.
        activation: has rows of older versions retired.
        retirement: does it, where rows are only added.
        takes_files: whether files may be adopted.
        handed_in: data files that others have written; the thread that reads has them until the epoch ends.
        asked_for: it is made even if no row comes.
        files: data files that are complete.

    """

    stream: str
    identifier: Identifier
    contract: Contract
    settings: Settings
    batches: list[pa.RecordBatch] = field(default_factory=list)
    rows: int = 0
    nbytes: int = 0
    destination: Destination | None = None
    writer: Writer | None = None
    upsert: Upsert | None = None
    activation: Activation | None = None
    retirement: Retirement | None = None
    takes_files: bool = True
    handed_in: list[DataFile] = field(default_factory=list)
    asked_for: bool = True
    files: list[DataFile] = field(default_factory=list)

    @property
    def replaces_all(self) -> bool:
        """Whether its rows replace all that the table has."""
        return self.settings.load_method == "overwrite"

    @property
    def has_rows(self) -> bool:
        """Whether the publish changes its rows."""
        return bool(self.files) or self.replaces_all or (self.upsert is not None and self.upsert.rows > 0)

    @property
    def changes(self) -> bool:
        """Whether the publish changes it, as far as rows of this epoch and the shape of the table tell."""
        found = self.destination
        return self.has_rows or (self.asked_for and found is not None and (found.creates or found.evolves))

    def has_older(self, store: Store, checkpoint: Checkpoint) -> bool:
        """Whether rows of older versions are to leave a table that gets none."""
        from target_dativo_iceberg import publish  # noqa: PLC0415 - PyIceberg loads on the encoder thread

        if self.activation is None or self.destination is None:
            return False
        change = publish.TableChange(self.destination, upsert=self.upsert, retirement=self.retirement)
        return bool(publish.settled(store, [change], checkpoint)[0].removes)

    def discard(self) -> None:
        """Delete what was written; nothing refers to it."""
        if self.writer is not None:
            self.writer.discard()
        if self.upsert is not None and self.destination is not None:
            self.upsert.discard(self.destination)
        if self.retirement is not None:
            self.retirement.discard()
        if self.destination is not None:
            for file in (*self.files, *self.handed_in):
                with suppress(OSError):
                    self.destination.table.io.delete(file.file_path)
