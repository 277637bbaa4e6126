"""Settings that cannot be used: one line that names the setting and never its value, before a row is read."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.readback import Tables
from tests.target.broken import SECRET, refused
from tests.target.running import Ended, Target, record, schema, state

PREFIX = "TARGET_DATIVO_ICEBERG_"
LINES = [schema(), record(1, s="x"), state({"bookmark": 1})]


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "unknown": ({"warehose": SECRET}, r"setting 'warehose' is unknown \(did you mean 'warehouse'\?\)"),
    "unknown secret": ({"s3_secret_acess_key": SECRET}, "did you mean 's3_secret_access_key'"),
    "unlike any": ({"zzzzzzzz": 1}, "setting 'zzzzzzzz' is unknown: see `target-dativo-iceberg --about`"),
    "all at once": (
        {"max_line_mb": SECRET, "epoch_max_mb": 0, "compression": SECRET, "require_contract": SECRET},
        "'max_line_mb' must be an integer; .*'epoch_max_mb' must be at least 1; .*'compression' must be one of zstd, .*"
        "'require_contract' must be true or false",
    ),
    "integer with a fraction": ({"max_violations": 1.5}, "'max_violations' must be an integer"),
    "integer of many digits": ({"max_violations": "9" * 5000}, "'max_violations' must be an integer"),
    "boolean as a number": ({"epoch_max_mb": True}, "'epoch_max_mb' must be an integer"),
    "share over 100": ({"max_violation_pct": 101}, "'max_violation_pct' must be at most 100"),
    "one under two names": (
        {"contract_path": "/a.yaml", "asset_path": "/b.yaml"},
        "'asset_path' is given twice: 'contract_path' has another name",
    ),
    "text as an object": ({"catalog": 5}, "'catalog' must be an object"),
    "object in an object": ({"table_properties": {"a": {"b": SECRET}}}, "'table_properties' must hold texts"),
    "list of numbers": ({"batch_roots": [1]}, "'batch_roots' must be a list of texts"),
    "number for a text or an object": ({"on_violation": 5}, "'on_violation' must be a text or an object"),
    "number for an object or a list": ({"privacy": 5}, "'privacy' must be an object or a list"),
    "maps as a text": ({"stream_maps": SECRET}, "'stream_maps' must be JSON"),
    "NUL": ({"warehouse": "/tmp/\0"}, "'warehouse' must not hold a NUL character"),
    "unknown scheme": ({"warehouse": "http://" + SECRET}, "'warehouse' has an unknown scheme: use"),
    "remote without a catalog": ({"warehouse": "s3://b/x"}, "'warehouse' is remote but"),
    "half of a key": ({"s3_access_key_id": SECRET}, "go together: set both or none"),
    "no contract to require": ({"require_contract": True}, "'require_contract' need.* 'contract_path'"),
    "no contract to map": ({"contract_map": {"a": "b"}}, "'contract_map' and .* need 'contract_path'"),
    "path in run_id": ({"run_id": "../../x"}, "setting 'run_id' is not allowed: begin with one of A-Z a-z 0-9;"),
    "line break in job_id": ({"job_id": "a\nb"}, "setting 'job_id' is not allowed: begin with"),
    "job_id that begins with a dot": ({"job_id": "..."}, "setting 'job_id' is not allowed: begin with one of A-Z a-z"),
    "path in namespace": ({"namespace": "../x"}, "namespace is not allowed: use"),
    "empty part of a namespace": ({"namespace": "a..b"}, "namespace is not allowed: use"),
    "unknown kind of catalog": ({"catalog": {"type": SECRET}}, "'catalog' is refused .*: check its 'type' and 'uri'"),
    "catalog without uri": ({"catalog": {"type": "sql"}}, "'catalog' is refused"),
    "catalog with a bad uri": (
        {"catalog": {"type": "sql", "uri": f"x://u:{SECRET}@h/d"}},
        "opening the catalog failed",
    ),
    "catalog not installed": ({"catalog": {"type": "hive", "uri": "thrift://127.0.0.1:1"}}, "'catalog' is refused"),
    "catalog that is not there": (
        {"catalog": {"type": "rest", "uri": "http://127.0.0.1:1/", "token": SECRET}},
        "store: opening the catalog failed",
    ),
    "contract that is not there": ({"contract_path": "/nowhere/c.yaml"}, "contract: no contract at .*: give the path"),
    "report in no folder": ({"report_path": "/dev/null/r.json"}, r"report cannot be written \(.*\): check report_path"),
    "report that is a folder": ({"report_path": "/"}, r"report cannot be written \(.*\): check report_path"),
    "warehouse that is a file": (
        {"warehouse": "/dev/null"},
        r"warehouse folder cannot be written \(.*\): set 'warehouse'",
    ),
    "warehouse in a file": ({"warehouse": "/dev/null/w"}, r"warehouse folder cannot be written \(Not a directory\)"),
    "warehouse of a long name": ({"warehouse": "/tmp/" + "a" * 5000}, r"cannot be written \(File name too long\)"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_setting_that_cannot_be_used_is_named_before_any_row(target: Target, case: str) -> None:
    settings, pattern = BAD[case]
    refused(target, target.run(LINES, **settings), pattern)


def test_a_warehouse_that_cannot_be_used_fails_a_run_without_rows(target: Target) -> None:
    refused(target, target.run([state({"bookmark": 1})], warehouse="/dev/null"), "warehouse folder cannot be written")


def test_numbers_with_a_fraction_texts_and_nulls_in_a_config_file_are_read(target: Target) -> None:
    ended = target.run(
        LINES, max_violation_pct=0.5, epoch_max_mb="7", require_contract="no", contract_path="", namespace=None
    )
    assert ended.code == 0
    assert Tables(target.warehouse).count("a") == 1


def test_the_id_of_a_run_may_be_a_schedulers_and_its_files_stay_in_their_folder(target: Target) -> None:
    assert target.run(LINES, run_id="scheduled__2026-01-01T00:00:00+00:00").code == 0
    (file,) = target.warehouse.rglob("*.parquet")
    assert file.parent == target.warehouse / "default" / "a" / "data"
    assert re.fullmatch(r"scheduled__2026-01-01T00-00-00-00-00-0001-[0-9a-f]{8}-00000.parquet", file.name)


def test_no_secret_is_told_at_the_level_of_most_words(target: Target) -> None:
    keys = {"s3_access_key_id": SECRET, "s3_secret_access_key": SECRET, "nessie_token": SECRET}
    ended = target.run(LINES, env={"LOGLEVEL": "DEBUG"}, **keys)
    assert ended.code == 0
    assert SECRET not in ended.log + json.dumps(ended.report)
    for path in target.warehouse.rglob("*"):
        assert path.is_dir() or SECRET.encode() not in path.read_bytes()


def test_a_level_of_logging_that_does_not_exist_is_refused(target: Target) -> None:
    ended = target.run(LINES, env={"LOGLEVEL": "LOUD"})
    assert (ended.code, ended.out) == (1, b"")
    assert re.fullmatch("settings: the environment's LOGLEVEL is unknown: use one of .*\n", ended.log)


# ---- config files ----

FILES = {
    "broken": (b'{"warehouse": "s3cr3t', r"config file '.*' is not JSON \(line 1, column 15\)"),
    "empty": (b"", r"is not JSON \(line 1, column 1\)"),
    "a list": (b'[["warehouse", "s3cr3t"]]', "is not a JSON object"),
    "NaN": (b'{"max_violation_pct": NaN}', "is not JSON in UTF-8"),
    "not UTF-8": (b'{"warehouse": "s3cr3t\xff"}', "is not JSON in UTF-8"),
    "deep": (b"[" * 100_000, "is not JSON in UTF-8"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_config_file_that_is_no_object_is_refused_by_its_name(target: Target, case: str) -> None:
    data, pattern = FILES[case]
    path = target.folder / "bad.json"
    path.write_bytes(data)
    refused(target, target.run(LINES, argv=["--config", str(path)]), f"settings: .*{pattern}")


@pytest.mark.parametrize("path", ["/nowhere/config.json", "/", ""])
def test_a_config_file_that_cannot_be_read_is_refused_by_its_name(target: Target, path: str) -> None:
    refused(target, target.run(LINES, argv=["--config", path]), f"settings: config file '{path}' cannot be read")


# ---- the environment ----


def by_environment(target: Target, **settings: str) -> Ended:
    env = {PREFIX + name.upper(): value for name, value in settings.items()}
    return target.run(LINES, argv=["--config", "ENV"], env={PREFIX + "WAREHOUSE": str(target.warehouse)} | env)


def test_settings_come_from_the_environment_as_texts(target: Target) -> None:
    texts = {
        "namespace": "from_env",
        "table_properties": '{"commit.retry.num-retries": 7, "made.by.env": true}',
        "batch_roots": '["/tmp", "/var"]',
        "max_violation_pct": "0.5",
        "max_violations": "",
        "epoch_max_mb": "12",
        "schema_validation_mode": "warn",
    }
    ended = by_environment(target, **texts)
    assert (ended.code, ended.states) == (0, [{"bookmark": 1}])
    assert ended.errors == []
    tables = Tables(target.warehouse)
    metadata = json.loads(Path(tables.pointers()["from_env.a"].removeprefix("file://")).read_text())
    assert metadata["properties"]["made.by.env"] == "true"
    assert tables.rows("from_env.a") == [{"id": 1, "s": "x"}]


def test_stream_maps_come_from_the_environment_too(target: Target) -> None:
    assert by_environment(target, stream_maps='{"a": {"t": "\'mapped\'", "id": "id"}}').code == 0
    assert [row["t"] for row in Tables(target.warehouse).rows("a")] == ["mapped"]


@pytest.mark.parametrize("text", ["true", "1", "YES", "On"])
def test_a_boolean_of_the_environment_may_say_yes_in_many_ways(target: Target, text: str) -> None:
    refused(target, by_environment(target, require_contract=text), "'require_contract' need")


@pytest.mark.parametrize("text", ["false", "0", "NO", "off", ""])
def test_a_boolean_of_the_environment_may_say_no_in_many_ways(target: Target, text: str) -> None:
    assert by_environment(target, require_contract=text).code == 0


BAD_TEXTS = {
    "require_contract": "must be true or false",
    "epoch_max_mb": "must be an integer",
    "max_violation_pct": "must be a number",
    "catalog": "must be JSON",
    "flattening_max_depth": "must be an integer",
    "compression": "must be one of zstd, snappy",
}


@pytest.mark.parametrize("name", BAD_TEXTS)
def test_a_mistyped_text_of_the_environment_is_refused_by_name(target: Target, name: str) -> None:
    refused(target, by_environment(target, **{name: SECRET}), f"settings: setting '{name}' {BAD_TEXTS[name]}")


def test_a_variable_that_names_no_setting_is_told_once_and_left(target: Target) -> None:
    ended = by_environment(target, warehose=SECRET)
    assert ended.code == 0
    assert ended.log.count(f"{PREFIX}WAREHOSE names no setting (did you mean {PREFIX}WAREHOUSE?)") == 1
    assert SECRET not in ended.log


def test_a_namespace_of_several_parts_needs_a_catalog_that_has_them(target: Target) -> None:
    ended = target.run(LINES, namespace="sales.eu")
    assert (ended.code, ended.report["error"]["code"]) == (1, "settings")
    assert "namespace 'sales.eu' has more than one part, which SQL catalogs do not have" in ended.log


def test_a_config_may_come_from_a_pipe_which_is_read_once(target: Target) -> None:
    pipe = target.folder / "config"
    os.mkfifo(pipe)
    child = target.start(argv=["--config", str(pipe)])
    with pipe.open("w") as sink:
        json.dump({"warehouse": str(target.warehouse)}, sink)
    child.feed(state(1))
    assert (child.wait().code, child.states) == (0, [state(1)["value"]])
