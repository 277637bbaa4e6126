"""Settings of single streams: each does for the streams it names what it does for all when it is set for the run."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from pyiceberg.table import StaticTable

from target_dativo_iceberg.errors import SettingsError
from target_dativo_iceberg.setting_table import STREAM_SETTINGS
from target_dativo_iceberg.settings import parse
from tests.readback import Tables
from tests.target.running import Target, record, schema

ID = {"name": "id", "logicalType": "integer", "primaryKey": True, "required": True}
AMOUNT = {"name": "amount", "logicalType": "number", "physicalType": "DECIMAL(9,2)"}
AT = {"name": "at", "logicalType": "timestamp"}
PII = {"name": "s", "logicalType": "string", "classification": "pii"}
PLAIN = {"name": "s", "logicalType": "string"}
LETTERS = random.Random(7)


@dataclass(frozen=True)
class Load:
    """A run: its records, the columns and version of its contract (without columns there is none), a BATCH file."""

    records: Sequence[dict[str, Any]]
    columns: Sequence[dict[str, Any]] = ()
    version: str = "1.0.0"
    settings: dict[str, Any] = field(default_factory=dict)
    status: str = "active"
    covers: str = "orders"
    properties: dict[str, Any] = field(default_factory=dict)
    file: pa.Table | None = None


def _three(**members: Any) -> list[dict[str, Any]]:
    return [record(n, "orders", **members) for n in (1, 2, 3)]


def _of_version(version: int) -> list[dict[str, Any]]:
    told = [record(version, "orders") | {"version": version}]
    return [*told, {"type": "ACTIVATE_VERSION", "stream": "orders", "version": version}]


VERSIONED = {"add_record_metadata": True, "hard_delete": True}
NUMBER = {"amount": {"type": ["number", "null"]}}
WIDER = {**AMOUNT, "physicalType": "DECIMAL(12,2)"}
OTHER = {**AMOUNT, "logicalType": "string", "physicalType": "TEXT"}
CODE = {"name": "code", "logicalType": "integer", "logicalTypeOptions": {"format": "i32"}}
BAD = [*_three(), record(1, "orders", s=5.5), record(4, "orders")]
FILE = pa.table(
    {
        "id": range(20_000),
        "s": [LETTERS.randbytes(10).hex() for _ in range(20_000)],
        "amount": pa.nulls(20_000, pa.float64()),
        "at": pa.nulls(20_000, pa.string()),
    }
)
BATCH = {"type": "BATCH", "stream": "orders", "encoding": {"format": "parquet"}, "manifest": ["rows.parquet"]}
LONG = [record(n, "orders", s=LETTERS.randbytes(350_000).hex()) for n in range(80)]  # more than one row group
# The setting, what it is set to, and runs of which the last one is made with it.
SHOWN: dict[str, tuple[Any, list[Load]]] = {
    "require_active": (True, [Load(_three(), [ID], status="draft")]),
    "require_contract": (True, [Load(_three(), [ID], covers="customers")]),
    "on_violation": ("quarantine", [Load(BAD, [ID, PLAIN])]),
    "privacy": ([{"match": {"classification": "pii"}, "action": "redact"}], [Load(_three(s="x"), [ID, PII])]),
    "require_privacy_rule": (True, [Load(_three(s="x"), [ID, PII])]),
    "unique_check": ("table", [Load(_three(), [ID]), Load(_three(), [ID])]),
    "max_violations": (0, [Load(BAD, [ID, PLAIN], settings={"on_violation": "quarantine"})]),
    "max_violation_pct": (10, [Load(BAD, [ID, PLAIN], settings={"on_violation": "quarantine"})]),
    "max_violation_min_rows": (
        100,
        [Load(BAD, [ID, PLAIN], settings={"on_violation": "quarantine", "max_violation_pct": 10})],
    ),
    "evolution": ("relaxed", [Load(_three(s="new"), [ID])]),
    "on_incompatible": (
        "variant_column",
        [Load(_three(amount=1), [ID, AMOUNT]), Load(_three(amount="x"), [ID, OTHER], "2.0.0")],
    ),
    "contract_version_policy": ("fail", [Load(_three(amount=1), [ID, AMOUNT]), Load(_three(amount=1), [ID, WIDER])]),
    "coercion": ("none", [Load(_three(amount="1.5"), [ID, AMOUNT])]),
    "decimal_rounding": ("half_even", [Load(_three(amount=1.005), [ID, AMOUNT])]),
    "truncate_nanoseconds": (True, [Load(_three(at="2024-01-01T00:00:00.123456789Z"), [ID, AT])]),
    "default_number": ("decimal(18,2)", [Load(_three(amount=1.25))]),
    "load_method": ("upsert", [Load(_three(s="a")), Load(_three(s="b"))]),
    "add_record_metadata": (True, [Load(_three(), [ID])]),
    "process_activate_version_messages": (
        False,
        [Load(_of_version(1), settings=VERSIONED), Load(_of_version(2), settings=VERSIONED)],
    ),
    "hard_delete": (
        True,
        [
            Load(_of_version(1), settings={"add_record_metadata": True}),
            Load(_of_version(2), settings={"add_record_metadata": True}),
        ],
    ),
    "partition_by": (["bucket[2](id)"], [Load(_three(), [ID])]),
    "sort_by": (["id desc"], [Load(_three(), [ID])]),
    "allow_partition_evolution": (
        True,
        [Load(_three(), [ID]), Load(_three(), [ID], properties={"dativo.partitionBy": "id"})],
    ),
    "target_file_size_mb": (1, [Load(LONG, [ID, PLAIN])]),
    "compression": ("gzip", [Load(_three(), [ID])]),
    "adopt_batch_files": (
        False,
        [Load([BATCH], file=FILE, settings={"batch_roots": ["."], "target_file_size_mb": 1})],
    ),
    "table_properties": ({"colour": "red"}, [Load(_three(), [ID])]),
}
TYPES = {**NUMBER, "at": {"type": ["string", "null"]}}


def _contract(load: Load, folder: Path) -> dict[str, Any]:
    if not load.columns:
        return {}
    own = [{"property": k, "value": v} for k, v in load.properties.items()]
    table = {"name": load.covers, "properties": list(load.columns), **({"customProperties": own} if own else {})}
    document = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "c", "version": load.version}
    path = folder / "contract.yaml"
    path.write_text(yaml.safe_dump({**document, "status": load.status, "schema": [table]}))
    return {"contract_path": str(path)}


def _outcome(target: Target, name: str, loads: Sequence[Load], **last: Any) -> Any:
    """What runs leave: exit code and errors of the last, and of each table all that a setting could change."""
    warehouse = target.folder / name
    for number, load in enumerate(loads):
        settings = _contract(load, target.folder) | load.settings | (last if number == len(loads) - 1 else {})
        lines = [schema("orders", **TYPES), *load.records]
        if load.file is not None:
            pq.write_table(load.file, target.folder / "rows.parquet", compression="snappy")
        ended = target.run(lines, warehouse=str(warehouse), **settings)
    return ended.code, ended.errors, {t: _look(p) for t, p in Tables(warehouse).pointers().items()}


def _look(pointer: str) -> Any:
    table = StaticTable.from_metadata(pointer)
    files = [pq.ParquetFile(f.file.file_path.removeprefix("file://")) for f in table.scan().plan_files()]
    sizes = sorted(f.metadata.num_rows for f in files)
    packed = sorted({f.metadata.row_group(0).column(0).compression for f in files})
    about = {k: v for k, v in table.properties.items() if "checkpoint" not in k}
    columns = [c for c in table.schema().column_names if not c.startswith("_")]
    rows = sorted(str(r) for r in table.scan(selected_fields=tuple(columns)).to_arrow().to_pylist())
    return str(table.schema()), str(table.spec()), str(table.sort_order()), sizes, packed, about, rows


def test_every_setting_of_streams_is_shown_here() -> None:
    assert set(SHOWN) == STREAM_SETTINGS


@pytest.mark.parametrize("name", SHOWN)
def test_a_setting_holds_for_the_streams_it_names_and_for_no_others(name: str, target: Target) -> None:
    value, loads = SHOWN[name]
    for_run = _outcome(target, "run", loads, **{name: value})
    for_stream = _outcome(target, "stream", loads, stream_settings={"ord*": {name: value}})
    for_another = _outcome(target, "another", loads, stream_settings={"orders_*": {name: value}})
    for_none = _outcome(target, "none", loads)
    assert for_stream == for_run
    assert for_another == for_none
    assert for_stream != for_none


def test_a_later_glob_goes_over_an_earlier_one_and_null_is_the_default() -> None:
    found = parse(
        {
            "compression": "gzip",
            "stream_settings": {
                "*": {"compression": "snappy", "sort_by": ["id"]},
                "public-*": {"compression": None, "schema_validation_mode": "warn"},
            },
        }
    )
    assert found.of("public-orders") == replace(found, compression="zstd", sort_by=("id",), on_violation="warn")
    assert found.of("orders") == replace(found, compression="snappy", sort_by=("id",))


def test_the_environment_gives_them_as_json() -> None:
    found = parse({"stream_settings": '{"orders": {"max_violations": "5"}}'})
    assert found.of("orders").max_violations == 5


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"a": 5}, "setting 'stream_settings' must hold an object of settings at 'a'"),
        ({"a": {"compressions": "zstd"}}, "setting 'compressions' is unknown (did you mean 'compression'?)"),
        ({"a": {"warehouse": "x"}}, "setting 'warehouse' holds for the whole run; set it outside"),
        ({"a": {"privacy_key": "secret-key"}}, "setting 'privacy_key' holds for the whole run; set it outside"),
        ({"a": {"compression": "brotli"}}, "at 'a': setting 'compression' must be one of zstd, "),
        ({"a": {"max_violation_pct": 101}}, "setting 'max_violation_pct' must be at most 100"),
        ({"a": {"on_violation": "warn", "schema_validation_mode": "warn"}}, "gives 'on_violation' twice at 'a'"),
        ({"a": {"require_contract": True}}, "'require_contract' need 'contract_path'"),
        ([], "must be an object"),
    ],
)
def test_what_is_wrong_is_said_before_any_stream_is_known(given: Any, problem: str) -> None:
    with pytest.raises(SettingsError, match=r".") as caught:
        parse({"stream_settings": given})
    assert problem in str(caught.value)
    assert "secret-key" not in str(caught.value)


@pytest.mark.parametrize(
    ("own", "problem"),
    [
        ({"partition_by": ["week(at)"]}, "setting 'partition_by' or 'sort_by' is refused"),
        ({"privacy": [{"match": {"classification": "pii"}, "action": "blur"}]}, "privacy"),
        ({"on_violation": {"type": "vanish"}}, "on_violation"),
    ],
)
def test_what_only_its_room_can_read_is_refused_before_any_row(
    own: dict[str, Any], problem: str, target: Target
) -> None:
    ended = target.run([schema("orders")], stream_settings={"orders": own})
    assert ended.code == 1
    assert problem in ended.errors[-1]
    assert target.published() == {}
