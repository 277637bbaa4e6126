"""Rows deleted as other engines do it: by a file of positions, which PyIceberg reads and does not write."""

from __future__ import annotations

import uuid

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    ManifestWriterV2,
)
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Operation
from pyiceberg.table.update.snapshot import _FastAppendFiles

from tests.partitions.lake import files

_PATH, _POS = 2147483546, 2147483545


class _DeleteManifest(ManifestWriterV2):
    def content(self) -> ManifestContent:
        return ManifestContent.DELETES

    @property
    def _meta(self) -> dict[str, str]:
        return {**super()._meta, "content": "deletes"}


class _RowDelta(_FastAppendFiles):
    """A snapshot that adds one delete file."""

    file: DataFile

    def _process_manifests(self, manifests: list[ManifestFile]) -> list[ManifestFile]:
        spec = self.spec(self.file.spec_id)
        output = self.new_manifest_output()
        with _DeleteManifest(spec, self.schema(), output, self.snapshot_id, "gzip") as writer:
            entry = ManifestEntry.from_args(
                status=ManifestEntryStatus.ADDED, snapshot_id=self.snapshot_id, data_file=self.file
            )
            writer.add(entry)
        return [*manifests, writer.to_manifest_file()]


def delete_rows(table: Table, numbers: set[int]) -> None:
    """Delete rows of a table's first file, by their numbers in it."""
    (target, *_) = sorted(files(table), key=lambda f: str(f.file_path))
    path = f"{table.location()}/data/{uuid.uuid4()}-deletes.parquet"
    fields = [
        pa.field("file_path", pa.string(), nullable=False, metadata={"PARQUET:field_id": str(_PATH)}),
        pa.field("pos", pa.int64(), nullable=False, metadata={"PARQUET:field_id": str(_POS)}),
    ]
    columns = [pa.array([target.file_path] * len(numbers)), pa.array(sorted(numbers), pa.int64())]
    pq.write_table(pa.table(columns, pa.schema(fields)), path.removeprefix("file://"))
    file = DataFile.from_args(
        content=DataFileContent.POSITION_DELETES,
        file_path=path,
        file_format=FileFormat.PARQUET,
        partition=target.partition,
        record_count=len(numbers),
        file_size_in_bytes=len(table.io.new_input(path)),
        lower_bounds={_PATH: target.file_path.encode()},
        upper_bounds={_PATH: target.file_path.encode()},
    )
    file.spec_id = target.spec_id
    with table.transaction() as transaction:
        producer = _RowDelta(Operation.OVERWRITE, transaction, table.io)
        producer.file = file
        producer.commit()
