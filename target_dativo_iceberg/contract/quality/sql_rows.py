"""Accepted rows, or the columns of them that SQL rules read, in Arrow files until the rules have run."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from target_dativo_iceberg.contract.model import Contract, Field, Kind
from target_dativo_iceberg.contract.values.arrow import arrow_schema
from target_dativo_iceberg.errors import ContractError, StoreError


def column_path(contract: Contract, path: str) -> tuple[Field, ...]:
    """Return the fields a dotted path leads through; the last one is the column.

    Raises:
        ContractError: there is no such column.

    """
    found = _path(contract.fields, path)
    if not found:
        raise ContractError(
            f"contract '{contract.name}': a quality rule is about '{path[:80]}', which is no column",
            "name a property of the object",
        )
    return found


def _path(fields: Sequence[Field], path: str) -> tuple[Field, ...]:
    for field in fields:
        if field.name == path:
            return (field,)
        if path.startswith(f"{field.name}.") and field.type.kind is Kind.STRUCT:
            below = _path(field.type.fields, path[len(field.name) + 1 :])
            if below:
                return (field, *below)
    return ()


def sql_schema(contract: Contract) -> pa.Schema:
    """Return the schema in which SQL rules see the rows: as `arrow_schema`, with UUIDs that compare with texts."""
    schema = arrow_schema(contract)
    for index, field in enumerate(contract.fields):
        if field.type.kind is Kind.UUID:
            schema = schema.set(index, pa.field(field.name, pa.uuid()))
    return schema


class SqlRows:
    """Rows written to Arrow files in a folder, one file for each time they are asked for.

    Args:
        schema: of `sql_schema`, with the columns that are kept.
        scratch: folder for the files, made when it is needed.

    """

    def __init__(self, schema: pa.Schema, scratch: Path) -> None:
        self._schema = schema
        self._scratch = scratch
        self._writer: pa.ipc.RecordBatchFileWriter | None = None
        self._files: list[Path] = []

    def add(self, batch: pa.RecordBatch) -> None:
        """Keep the columns of a batch.

        Raises:
            StoreError: the folder cannot take them.

        """
        columns = [_sql_column(batch.column(field.name), field.type) for field in self._schema]
        try:
            if self._writer is None:
                self._writer = self._opened()
            self._writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=self._schema))
        except OSError as error:
            raise self._full(error) from None

    def _opened(self) -> pa.ipc.RecordBatchFileWriter:
        self._scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._scratch, prefix="rows-", suffix=".arrow", delete=False) as file:
            self._files.append(Path(file.name))
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        return pa.ipc.new_file(str(self._files[-1]), self._schema, options=options)

    def files(self) -> list[Path]:
        """Return the files, complete; rows that come later go to another one.

        Raises:
            StoreError: the folder cannot take their end.

        """
        try:
            self._end()
        except OSError as error:
            raise self._full(error) from None
        return list(self._files)

    def _full(self, error: OSError) -> StoreError:
        return StoreError(
            f"the rows that SQL rules read do not fit in the folder '{self._scratch}': {error.strerror or 'disk full'}",
            "free disk space there or name another folder",
        )

    def _end(self) -> None:
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.close()

    def remove(self) -> None:
        """Delete the files."""
        with suppress(OSError):  # a disk that is full cannot take the end of a file that is deleted anyway
            self._end()
        for file in self._files:
            file.unlink(missing_ok=True)
        self._files = []


def _sql_column(column: pa.Array, type_: pa.DataType) -> pa.Array:
    if isinstance(type_, pa.ExtensionType):
        return pa.ExtensionArray.from_storage(type_, column)
    return column
