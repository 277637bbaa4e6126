"""A sink that is down is one warning, and nothing else changes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.target.running import Target, record, schema, state
from tests.telemetry.collector import Collector
from tests.telemetry.conftest import SECRETS, Told

ROOT = Path(__file__).resolve().parents[2]


def dead() -> str:
    """An address where nobody listens."""
    gone = Collector()
    gone.stop()
    return gone.url


def settings_of(url: str) -> dict[str, str]:
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_EXPORTER_OTLP_HEADERS": f"api-key={SECRETS[1]}",
        "OPENLINEAGE__TRANSPORT__TYPE": "http",
        "OPENLINEAGE__TRANSPORT__URL": url,
        "OPENLINEAGE__TRANSPORT__AUTH": json.dumps({"type": "api_key", "apiKey": SECRETS[2]}),
    }


def _is_as_without(told: Told) -> None:
    assert told.ended.code == 0, told.ended.log
    assert len(told.ended.states) == 1
    assert told.report["status"] == "partial"
    assert sorted(line.partition(":")[0] for line in told.warnings) == ["OTLP", "OpenLineage", "Prometheus textfile"]
    assert not any(secret in told.ended.log for secret in SECRETS)


def test_sinks_that_are_dead(run: Callable[..., Told], tmp_path: Path) -> None:
    (tmp_path / "prom").write_text("no folder")
    _is_as_without(run(env=settings_of(dead())))


def test_sinks_that_hang(run: Callable[..., Told], tmp_path: Path) -> None:
    (tmp_path / "prom").write_text("no folder")
    hanging = Collector(hangs=True)
    try:
        _is_as_without(run(env=settings_of(hanging.url)))
    finally:
        hanging.stop()


@pytest.mark.parametrize("transport", ["http", "async_http"])
def test_a_lineage_server_gets_both_events_before_the_process_ends(
    run: Callable[..., Told], collector: Collector, transport: str
) -> None:
    told = run(
        env=settings_of(collector.url) | {"OTEL_SDK_DISABLED": "true", "OPENLINEAGE__TRANSPORT__TYPE": transport}
    )
    assert (told.ended.code, told.warnings) == (0, [])
    events = [json.loads(body) for body in collector.bodies]
    assert sorted(event["eventType"] for event in events) == ["COMPLETE", "START"]
    assert {headers["Authorization"] for headers in collector.headers} == {f"Bearer {SECRETS[2]}"}


def test_a_signal_while_the_end_is_told_does_not_undo_it(target: Target) -> None:
    hanging = Collector(hangs=True)
    try:
        child = target.start(env={"OTEL_EXPORTER_OTLP_ENDPOINT": hanging.url})
        child.feed(schema(), record(1), state({"b": 1}))
        child.close()
        child.until(lambda: "run report: success" in child.log, "the end of the run")
        child.signal(signal.SIGTERM)
        assert child.wait().code == 0
    finally:
        hanging.stop()


def test_a_run_that_fails_tells_it_and_keeps_when_the_last_one_succeeded(
    run: Callable[..., Told], collector: Collector
) -> None:
    before = run().textfile
    (kept,) = (line for line in before.splitlines() if line.startswith("dativo_run_last_success"))
    told = run(collector, on_violation="strict")
    assert (told.ended.code, told.report["error"]["code"]) == (1, "violation")
    assert kept in told.textfile.splitlines()
    assert 'status="failed"' in told.textfile
    (top,) = (span for span in collector.spans if span.name == "dativo.run")
    assert top.failed == top.attributes["error.type"] == "violation"
    end = told.lineage[-1]
    assert end["eventType"] == "FAIL"
    assert end["run"]["facets"]["errorMessage"]["message"].startswith("violation: ")
    counts = {line["tags"]["stream"]: line["value"] for line in told.metrics if line["metric"] == "record_count"}
    assert counts == {one["stream"]: one["records"] for one in told.report["unpublished"]}


def test_a_run_that_is_stopped_is_an_abort(target: Target, tmp_path: Path) -> None:
    env = {
        "OPENLINEAGE__TRANSPORT__TYPE": "file",
        "OPENLINEAGE__TRANSPORT__LOG_FILE_PATH": str(tmp_path / "lineage.json"),
        "OPENLINEAGE__TRANSPORT__APPEND": "true",
    }
    child = target.start(env=env, epoch_max_seconds=1)
    child.feed(schema(), record(1), state({"b": 1}))
    child.until(lambda: child.states, "the first STATE")
    child.signal(signal.SIGTERM)
    assert child.wait().code == 128 + signal.SIGTERM
    lines = (tmp_path / "lineage.json").read_text().splitlines()
    assert [json.loads(line)["eventType"] for line in lines] == ["START", "ABORT"]


@pytest.mark.parametrize("variable", ["OTEL_SDK_DISABLED", "OPENLINEAGE_DISABLED"])
def test_the_standard_switches_turn_a_sink_off(run: Callable[..., Told], collector: Collector, variable: str) -> None:
    told = run(collector, env={variable: "true"})
    lineage = (told.folder / "lineage.json").exists()
    assert (bool(collector.bodies), lineage) == ((False, True) if variable.startswith("OTEL") else (True, False))


def test_no_package_of_a_sink_is_loaded_that_is_not_asked_for(tmp_path: Path) -> None:
    lines = "".join(json.dumps(line) + "\n" for line in (schema(), record(1)))
    command = [sys.executable, "-X", "importtime", "-m", "target_dativo_iceberg", "--config", "ENV"]
    env = {**os.environ, "TARGET_DATIVO_ICEBERG_WAREHOUSE": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, input=lines, env=env, cwd=tmp_path, capture_output=True, text=True, check=True)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "target_dativo_iceberg.telemetry.singer" in loaded
    assert not [name for name in loaded if name.startswith(("opentelemetry", "openlineage"))]
