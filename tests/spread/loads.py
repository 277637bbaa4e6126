"""Runs of the command `target-dativo-iceberg` over the orders, and what they left."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from tests.readback import Tables
from tests.spread.orders import STREAM, Orders

_PATIENCE = 600.0


@dataclass(frozen=True)
class Loaded:
    """A run that has ended.

    Attributes:
        code: exit code.
        out: standard output.
        log: standard error.
        report: the run report.
        warehouse: folder of the tables.

    """

    code: int
    out: bytes
    log: str
    report: dict[str, Any]
    warehouse: Path

    @property
    def tables(self) -> Tables:
        return Tables(self.warehouse)

    def snapshots(self, table: str) -> list[int]:
        return [snapshot.snapshot_id for snapshot in self._table(table).snapshots()]

    def data_files(self) -> set[Path]:
        """Data files in the folders of tables, whoever knows of them."""
        return _data_files(self.warehouse)

    def named_files(self) -> set[Path]:
        """Those that the snapshots name."""
        tables = [self._table(name.split(".", 1)[1]) for name in self.tables.pointers()]
        tasks = [task for table in tables for task in table.scan().plan_files()]
        return {Path(task.file.file_path.removeprefix("file://")) for task in tasks}

    def _table(self, name: str) -> Table:
        catalog = SqlCatalog("default", uri=f"sqlite:///{self.warehouse}/catalog.db", warehouse=str(self.warehouse))
        return catalog.load_table(("default", name))


class Load:
    """A run under way, whose input is not ended before `wait`; it ends at the latest when this is left.

    Args:
        folder: of warehouse, config and output; made.
        orders: what it is given.
        environment: of the process.
        settings: of the target, over those that every load has.

    """

    def __init__(self, folder: Path, orders: Orders, environment: Mapping[str, str], **settings: Any) -> None:
        folder.mkdir(parents=True)
        self.warehouse = folder / "warehouse"
        self._folder = folder
        self._report = folder / "report.json"
        whole = {
            "warehouse": str(self.warehouse),
            "contract_path": str(orders.contract),
            "batch_roots": [str(orders.folder)],
            "report_path": str(self._report),
            "target_file_size_mb": orders.file_size_mb,
        } | settings
        (folder / "config.json").write_text(json.dumps(whole))
        program = str(Path(sys.executable).with_name("target-dativo-iceberg"))
        with (
            (folder / "out").open("wb") as out,
            (folder / "err").open("wb") as err,
        ):
            self._process = subprocess.Popen(
                [program, "--config", str(folder / "config.json")],
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
            )
        assert self._process.stdin is not None
        self._stdin = self._process.stdin
        self._stdin.write(orders.messages())
        self._stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(BrokenPipeError):
            self._stdin.close()

    @property
    def log(self) -> str:
        return (self._folder / "err").read_text(errors="replace")

    def data_files(self) -> set[Path]:
        """Data files of good rows that are there, whole or begun."""
        return {
            path for path in _data_files(self.warehouse) if path.is_relative_to(self.warehouse / "default" / STREAM)
        }

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def wait(self) -> Loaded:
        """End its input and wait for its end."""
        with contextlib.suppress(BrokenPipeError):
            self._stdin.close()
        code = self._process.wait(_PATIENCE)
        report = json.loads(self._report.read_text()) if self._report.exists() else {}
        return Loaded(code, (self._folder / "out").read_bytes(), self.log, report, self.warehouse)


def _data_files(warehouse: Path) -> set[Path]:
    return set(warehouse.glob("*/*/data/**/*.parquet"))
