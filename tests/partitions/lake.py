"""Loads in this process into a warehouse of its own, and what is then in the tables' files."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table

from target_dativo_iceberg.contract import load as load_contracts
from target_dativo_iceberg.loader import Loader
from target_dativo_iceberg.maps import StreamMaps
from target_dativo_iceberg.report import RunReport
from target_dativo_iceberg.route import Contracts
from target_dativo_iceberg.settings import parse
from target_dativo_iceberg.tables import Store, open_store
from tests.readback import Tables

Record = Mapping[str, Any]


class Lake:
    """A warehouse, and the settings that every load into it has.

    Attributes:
        printed: STATE values of all loads.

    """

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.settings: dict[str, Any] = {"warehouse": str(folder / "warehouse"), "namespace": "default"} | settings
        self.tables = Tables(folder / "warehouse")
        self.printed: list[bytes] = []

    def contract(self, properties: Sequence[Mapping[str, Any]], stream: str = "t", **more: Any) -> None:
        """Hold the stream to a contract from now on; `more` are keys of its schema object."""
        path = self.folder / "contract.yaml"
        head = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "c", "version": "1.0.0", "status": "active"}
        object_ = {"name": stream, "logicalType": "object", "properties": list(properties)} | more
        path.write_text(json.dumps(head | {"schema": [object_]}))
        self.settings["contract_path"] = str(path)

    def load(
        self,
        records: Iterable[Record],
        schema: Mapping[str, Any] | None = None,
        keys: Sequence[str] = (),
        **settings: Any,
    ) -> RunReport:
        """Load records of stream `t`; without a schema every member may be anything."""
        rows = list(records)
        properties = schema or {name: {} for row in rows for name in row}
        lines = [{"type": "SCHEMA", "stream": "t", "schema": {"properties": properties}, "key_properties": list(keys)}]
        lines += [{"type": "RECORD", "stream": "t", "record": row} for row in rows]
        return self.run("".join(json.dumps(line) + "\n" for line in lines).encode(), **settings)

    def run(self, data: bytes, **settings: Any) -> RunReport:
        """Load messages."""
        parsed = parse(self.settings | settings)
        documents = load_contracts(parsed.contract_path) if parsed.contract_path else None
        maps = StreamMaps(parsed.mapping) if parsed.mapping else None
        return Loader(parsed, Contracts(parsed, documents), io.BytesIO(data), self.printed.append, maps).run()

    @property
    def store(self) -> Store:
        return open_store(parse(self.settings))

    def table(self, name: str = "t") -> Table:
        found = self.store.load(("default", name))
        assert found is not None
        return found

    def spec(self, name: str = "t") -> list[tuple[str, str]]:
        """Names and transforms of the default partition spec."""
        return [(field.name, str(field.transform)) for field in self.table(name).spec().fields]


def files(table: Table) -> list[DataFile]:
    """The data files of the current snapshot."""
    return [task.file for task in table.scan().plan_files()]


def rows_of(file: DataFile) -> pa.Table:
    """What is in a data file."""
    return pq.ParquetFile(file.file_path.removeprefix("file://")).read()


def ids(table: Table, row_filter: Any) -> list[int]:
    """Ids of the rows that a filtered scan finds."""
    return sorted(table.scan(row_filter=row_filter, selected_fields=("id",)).to_arrow()["id"].to_pylist())
