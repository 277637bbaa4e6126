"""The load that Meltano starts does without the Singer SDK, and nobody can tell; where a config may come from."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from target_dativo_iceberg.command import settings_of
from target_dativo_iceberg.command_line import config_names
from tests.readback import Tables

LINES = (
    '{"type": "SCHEMA", "stream": "a", "key_properties": ["id"], '
    '"schema": {"properties": {"id": {"type": "integer"}}}}\n'
    '{"type": "RECORD", "stream": "a", "record": {"id": 1}}\n'
    '{"type": "STATE", "value": {"at": 1}}\n'
)
# What differs between any two runs: times, seconds, process and run ids.
_OF_THE_RUN = re.compile(
    r'[\d-]{10} [\d:]{8},\d{3}|"(pid|ts)":[\d.]+|[\d.]+ s\b|"value":\d\.\d+|"seconds":[\d.]+|[\da-f-]{36}'
)


def command(*arguments: str, text: str, python: tuple[str, ...] = (), **more: str) -> subprocess.CompletedProcess[str]:
    """Run the real command."""
    return subprocess.run(
        [sys.executable, *python, "-m", "target_dativo_iceberg", *arguments],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **more},
    )


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("lines", [LINES, LINES + "no JSON\n"], ids=["good", "bad"])
def test_log_output_and_exit_code_are_those_of_the_sdk_command(tmp_path: Path, form: str, lines: str) -> None:
    source = tmp_path / "in.singer"
    source.write_text(lines)
    found = []
    for way in ("own", "sdk"):
        config = tmp_path / f"{way}.json"
        config.write_text(json.dumps({"warehouse": str(tmp_path / f"warehouse-{way}"), "log_format": form}))
        more = ("--input", str(source)) if way == "sdk" else ()
        ended = command("--config", str(config), *more, text=lines)
        found.append((ended.returncode, ended.stdout, _OF_THE_RUN.sub("#", ended.stderr).splitlines()))
    assert found[0] == found[1]
    assert found[0][0] == int(lines != LINES)
    if lines == LINES:
        assert any("record_count" in line for line in found[0][2])
        assert [Tables(tmp_path / f"warehouse-{way}").count("a") for way in ("own", "sdk")] == [1, 1]


def test_a_load_does_not_import_the_sdk(tmp_path: Path) -> None:
    ended = command(
        "--config", "ENV", text=LINES, python=("-X", "importtime"), TARGET_DATIVO_ICEBERG_WAREHOUSE=str(tmp_path / "w")
    )
    assert ended.returncode == 0, ended.stderr
    imported = [
        line.rpartition("|")[2].strip() for line in ended.stderr.splitlines() if line.startswith("import time:")
    ]
    assert "pyiceberg.catalog.sql" in imported
    assert not [name for name in imported if name.partition(".")[0] == "singer_sdk"]
    assert Tables(tmp_path / "w").count("a") == 1


def test_a_log_configured_with_classes_of_the_sdk_sees_its_points(tmp_path: Path) -> None:
    config = tmp_path / "log.yaml"
    config.write_text(
        "version: 1\ndisable_existing_loggers: false\n"
        "filters: {no_timers: {(): singer_sdk.metrics.MetricExclusionFilter, types: [timer]}}\n"
        "handlers: {err: {class: logging.StreamHandler, stream: ext://sys.stderr, filters: [no_timers]}}\n"
        "root: {level: INFO, handlers: [err]}\n"
    )
    ended = command(
        "--config",
        "ENV",
        text=LINES,
        SINGER_SDK_LOG_CONFIG=str(config),
        TARGET_DATIVO_ICEBERG_WAREHOUSE=str(tmp_path / "w"),
    )
    assert ended.returncode == 0, ended.stderr
    assert '"type":"counter"' in ended.stderr
    assert '"type":"timer"' not in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "names"),
    [
        ([], {}, []),
        (["--config", "a", "--config", "ENV"], {}, ["a", "ENV"]),
        (["--config"], {}, None),
        (["--config=a"], {}, None),
        (["--config", "a", "--about"], {}, None),
        (["--config", "a", "--input", "b"], {}, None),
        (["--help"], {}, None),
        ([], {"_TARGET_DATIVO_ICEBERG_COMPLETE": "bash_source"}, None),
        (["--config", "a"], {"SINGER_SDK_LOG_CONFIG": "log.yaml"}, None),
    ],
)
def test_what_is_more_than_a_load_goes_to_the_sdk(
    arguments: list[str], environment: dict[str, str], names: list[str] | None
) -> None:
    assert config_names(arguments, environment) == names


def test_a_command_of_dativo_reads_its_config_from_a_pipe(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, json.dumps({"warehouse": str(tmp_path)}).encode())
    os.close(writing)
    try:
        assert settings_of([f"/dev/fd/{reading}"]).warehouse == str(tmp_path)
    finally:
        os.close(reading)
