"""Files that were adopted, afterwards: columns change their names, rows are merged, files are put together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from target_dativo_iceberg.adopted_files import adopted
from target_dativo_iceberg.adoption import Candidate
from target_dativo_iceberg.batch import Plan
from target_dativo_iceberg.errors import InputError
from target_dativo_iceberg.maintain import main
from target_dativo_iceberg.settings import parse
from target_dativo_iceberg.tables import open_store
from tests.readback import Tables
from tests.target.big_files import (
    ROWS,
    STREAM,
    are_adopted,
    contract_of,
    files_of,
    in_order,
    load_files,
    made,
    table_of,
)
from tests.target.running import Target, state

_CHECKED = """
    quality:
      - metric: duplicateValues
        id: ids
        mustBe: 0
        arguments: {properties: [id]}
        customProperties: [{property: dativo.scope, value: table}]
"""


@pytest.fixture
def one(target: Target) -> pa.Table:
    """Rows of a table of one adopted file."""
    rows = made()
    pq.write_table(rows, target.folder / "one.parquet", row_group_size=20_000)
    load_files(target, target.folder / "one.parquet", contract_path=contract_of(target))
    assert are_adopted(target, target.folder / "one.parquet")
    return rows


def _records(*records: dict[str, Any]) -> list[dict[str, Any]]:
    return [STREAM, *({"type": "RECORD", "stream": "a", "record": record} for record in records), state(2)]


def test_a_column_that_takes_the_name_of_another_does_not_take_its_values(
    target: Target, tables: Tables, one: pa.Table
) -> None:
    moved = "- {name: old, id: text, logicalType: string}\n      - {name: s, logicalType: string}"
    later = contract_of(
        target, **{"- {name: s, id: text, logicalType: string, logicalTypeOptions: {maxLength: 30}}": moved}
    )
    ended = target.run(_records({"id": -1, "x": 0.5, "s": "new", "old": "o"}), contract_path=later)
    assert ended.code == 0, ended.log
    found = tables.sql('SELECT count("old"), count(s), min("old"), max(s) FROM {a}')
    assert found == [(ROWS // 2 + 1, 1, "0", "new")]
    scanned = table_of(target).scan("id >= 0").to_arrow().sort_by("id")
    assert scanned.column("old").to_pylist() == one.column("s").to_pylist()
    assert scanned.column("s").null_count == ROWS


def test_rows_of_adopted_files_are_merged_and_put_together(
    target: Target, tables: Tables, one: pa.Table, capsys: pytest.CaptureFixture[str]
) -> None:
    path = target.folder / "two.parquet"
    pq.write_table(made(first=ROWS), path)
    load_files(target, path, contract_path=contract_of(target))
    merged = target.run(
        _records({"id": 7, "x": 0.5, "s": "merged"}), contract_path=contract_of(target), load_method="upsert"
    )
    assert merged.code == 0, merged.log
    left = [file for file in files_of(target) if file.read_bytes()[:1000] == path.read_bytes()[:1000]]
    assert len(left) == 1
    config = target.folder / "maintain.json"
    config.write_text(json.dumps({"warehouse": str(target.warehouse), "target_file_size_mb": 64}))
    assert main(["--config", str(config), "--step", "compact", "--min-files", "2"]) == 0
    assert len(files_of(target)) == 1
    want = [dict(row) for row in in_order(one, made(first=ROWS))]
    want[7] |= {"x": 0.5, "s": "merged", "at": None}
    assert tables.rows("a", "id") == want


def test_an_audit_before_the_publish_sees_the_rows(target: Target, tables: Tables) -> None:
    path = target.folder / "one.parquet"
    pq.write_table(made(), path)
    settings: dict[str, Any] = {"contract_path": contract_of(target, _CHECKED), "unique_check": "batch"}
    load_files(target, path, **settings)
    assert are_adopted(target, path)
    again = load_files(target, path, code=1, **settings)
    assert "the audit failed" in again.errors[0]
    assert tables.count("a") == ROWS


def test_a_file_that_changes_while_it_is_loaded_is_refused(target: Target, one: pa.Table) -> None:
    path = target.folder / "one.parquet"
    settings = parse({"warehouse": str(target.warehouse)})
    store = open_store(settings)
    destination = store.destination(("default", "a"), _contract(target), None)
    before = set(files_of(target)[0].parent.iterdir())
    for spoil in (lambda: pq.write_table(made(first=1), path), path.unlink):
        candidate = Candidate(path, path.stat(), pq.read_metadata(path), Plan(_contract(target), {}, bare=True))
        spoil()
        with pytest.raises(InputError, match=r"one\.parquet was changed or deleted while it was loaded"):
            adopted(store.file_target(destination, "p"), candidate)
    assert set(files_of(target)[0].parent.iterdir()) == before


def _contract(target: Target) -> Any:
    from target_dativo_iceberg.contract import load

    return load(Path(contract_of(target))).contracts[0]
