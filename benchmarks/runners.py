"""Who is measured: the command of each, what it needs, and how what it left is read back."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks import readback, venvs
from benchmarks.data import Stream
from benchmarks.readback import Loaded

PEERS = Path(__file__).parent / "peers"
OURS = "target-dativo-iceberg"


@dataclass(frozen=True)
class Runner:
    """A program that takes a Singer stream.

    Attributes:
        name: its name in every table.
        about: what it does with the records, one clause.
        packages: pins of its own environment; empty where it runs in ours or needs none.
        command: argument list for an interpreter, a stream and a work folder.
        read: how its result is read back; None where there is none.
        piped: fed by `cat file |`; otherwise it opens the file itself.
        environment: name of the environment, when several runners share one.

    """

    name: str
    about: str
    command: Callable[[Path, Stream, Path], list[str]]
    packages: tuple[str, ...] = ()
    read: Callable[[Path, Stream], Loaded] | None = None
    piped: bool = True
    environment: str = ""

    def interpreter(self) -> Path:
        """The Python that runs it; made on first use. Raises Unavailable."""
        return venvs.python(self.environment or self.name, self.packages) if self.packages else Path(sys.executable)


def ours(name: str = OURS, about: str = "contract enforced, one commit per epoch", **settings: Any) -> Runner:
    """Our target with these settings beside the warehouse; `contract_path=None` takes the contract away."""

    def command(python: Path, stream: Stream, work: Path) -> list[str]:
        config = {
            "warehouse": str(work / "warehouse"),
            "contract_path": str(stream.contract.absolute()),
        } | settings
        kept = {key: value for key, value in config.items() if value is not None}
        return [str(python.with_name(OURS)), "--config", write_config(work, kept)]

    return Runner(name, about, command, read=readback.iceberg)


def write_config(work: Path, settings: dict[str, Any]) -> str:
    """Write a config into a work folder and return its path."""
    path = work / "config.json"
    path.write_text(json.dumps(settings))
    return str(path)


def _sdk_sink(python: Path, stream: Stream, work: Path) -> list[str]:
    warehouse = work / "warehouse"
    warehouse.mkdir()
    return [str(python), str(PEERS / "sdk_sink.py"), "--config", write_config(work, {"warehouse": str(warehouse)})]


def _s3tables(**settings: Any) -> Callable[[Path, Stream, Path], list[str]]:
    # the cloud settings are required but not used: the catalog is replaced
    cloud = {"region": "us-east-1", "account_id": "111122223333", "table_bucket_name": "bench"}

    def command(python: Path, stream: Stream, work: Path) -> list[str]:
        config = write_config(work, cloud | settings)
        return ["env", f"BENCH_WAREHOUSE={work}/warehouse", str(python), str(PEERS / "s3tables.py"), "--config", config]

    return command


def _dlt(python: Path, stream: Stream, work: Path) -> list[str]:
    warehouse = work / "warehouse"
    warehouse.mkdir()
    quiet = ["RUNTIME__DLTHUB_TELEMETRY=false", f"DLT_DATA_DIR={work}/dlt"]
    return ["env", *quiet, str(python), str(PEERS / "dlt_iceberg.py"), str(warehouse)]


def _jsonl(python: Path, stream: Stream, work: Path) -> list[str]:
    config = write_config(work, {"destination_path": str(work)})
    return [str(python.with_name("target-jsonl")), "--config", config]


def _properties(stream: Stream) -> str:
    contract = yaml.safe_load(stream.contract.read_text())
    return json.dumps(contract["schema"][0]["properties"])


def _duckdb(python: Path, stream: Stream, work: Path) -> list[str]:
    source = str(stream.path.absolute())
    return [str(python), str(PEERS / "floor_duckdb.py"), source, _properties(stream), str(work)]


def _arro3(python: Path, stream: Stream, work: Path) -> list[str]:
    return [str(python), str(PEERS / "floor_arro3.py"), _properties(stream), str(work)]


FLOOR_PACKAGES = ("duckdb==2.0.1", "arro3-io==0.9.1", "pyarrow==26.0.1")
S3TABLES_PACKAGES = ("target-s3tables==0.0.6", "singer-sdk==0.53.7", "pyiceberg[sql-sqlite]==0.12.0", "pyarrow==26.0.1")

SDK_SINK = Runner(
    "sdk-sink",
    "Singer SDK sink of a first day: validation by the SDK, `Table.from_pylist`, one PyIceberg append per 10,000 rows",
    _sdk_sink,
    ("singer-sdk==0.54.9", "pyiceberg[sql-sqlite]==0.12.0", "pyarrow==24.0.0"),
    readback.iceberg,
)
S3TABLES = Runner(
    "target-s3tables",
    "as installed, batches of 5,000, catalog replaced by a local one",
    _s3tables(),
    S3TABLES_PACKAGES,
    readback.iceberg,
    environment="s3tables",
)
S3TABLES_FAST = Runner(
    "target-s3tables-50k",
    "the same, batches of 50,000, validation off",
    _s3tables(batch_size_rows=50_000, validate_records=False),
    S3TABLES_PACKAGES,
    readback.iceberg,
    environment="s3tables",
)
DLT = Runner(
    "dlt",
    "filesystem destination, table format Iceberg, records from standard input, types given as hints",
    _dlt,
    ("dlt[filesystem,pyiceberg]==1.31.0", "pyiceberg==0.12.0", "pyarrow==26.0.1"),
    readback.iceberg,
)
JSONL = Runner(
    "target-jsonl", "control: validates, writes lines, no table", _jsonl, ("target-jsonl==0.1.4",), readback.lines
)
FLOOR_DUCKDB = Runner(
    "floor-duckdb",
    "floor: one query, file of lines to zstd Parquet, 2 threads, no contract, no table",
    _duckdb,
    FLOOR_PACKAGES,
    readback.parquet,
    piped=False,
    environment="floor",
)
FLOOR_ARRO3 = Runner(
    "floor-arro3",
    "floor: arrow-rs parses the pipe, zstd Parquet, 1 thread, no contract, no table",
    _arro3,
    FLOOR_PACKAGES,
    readback.parquet,
    environment="floor",
)
PIPE = Runner("pipe", "`cat file | wc -l`", lambda python, stream, work: ["wc", "-l"])

PEERS_TO_ICEBERG = (SDK_SINK, S3TABLES, S3TABLES_FAST, DLT)
FLOORS = (FLOOR_DUCKDB, FLOOR_ARRO3)
