"""What a job tells beside its events: it agrees with its report, hands the trace on, and counts nothing twice."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dativo.project import Project
from tests.telemetry.collector import Collector
from tests.telemetry.scraping import samples

pytestmark = pytest.mark.usefixtures("warm_commands")
ROOT = Path(__file__).resolve().parents[2]
TRACE, SPAN, SECRET = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "hidden-header-0816"
WHO = frozenset({("tenant", "acme"), ("job", "orders")})


@pytest.fixture
def collector() -> Iterator[Collector]:
    found = Collector()
    yield found
    found.stop()


def test_a_job_tells_its_span_its_time_and_the_counts_of_its_target_once(
    project: Project, collector: Collector
) -> None:
    path = project.csv(1, 2, 3)
    path.write_text(path.read_text().replace("2,ada", "2,"))
    project.environment |= {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_HEADERS": f"api-key={SECRET}",
        "TRACEPARENT": f"00-{TRACE}-{SPAN}-01",
    }
    ended = project.run(project.job(schema_validation_mode="quarantine"), "--metrics-dir", str(project.folder / "prom"))
    assert ended.code == 1, ended.err
    (report,) = ended.json["jobs"]
    target = report["target"]

    scraped = samples((project.folder / "prom" / "dativo_acme_orders.prom").read_text())
    stream = WHO | {("stream", "orders")}
    assert scraped["dativo_run_records_read", stream] == target["totals"]["records"] == 3
    for outcome, count in (("good", 2), ("quarantined", 1), ("dropped", 0)):
        assert scraped["dativo_run_records", stream | {("outcome", outcome)}] == target["totals"][outcome] == count
    assert scraped["dativo_run_duration_seconds", WHO | {("status", "partial")}] == report["seconds"]
    assert scraped["dativo_run_publish_seconds", WHO] == target["publish_seconds"]

    spans = {span.name: span for span in collector.spans}
    assert len(spans) == len(collector.spans) == 5
    assert {span.trace for span in collector.spans} == {TRACE}
    assert spans["dativo.job"].parent == SPAN
    assert spans["dativo.run"].parent == spans["dativo.job"].own
    points = collector.points  # each of them came once
    job = WHO | {("status", "partial"), ("cause", "none")}
    assert points["dativo.job.duration", "s", job].value == report["seconds"]
    assert points["dativo.records.read", "{record}", stream].value == 3
    assert points["dativo.run.duration", "s", WHO | {("status", "partial")}].value == target["seconds"]
    assert {one["service.name"] for one in collector.resources} == {"dativo", "target-dativo-iceberg"}

    assert report["tap_says"] == {"orders": 3}
    events = {event["event_type"]: event for event in ended.events}
    assert events["epoch_published"]["records"] == 3
    assert events["run_ended"]["totals"] == target["totals"]
    assert SECRET not in ended.err + ended.out


def test_a_job_that_cannot_start_is_told_as_failed_and_keeps_its_last_success(project: Project) -> None:
    project.csv(1)
    project.environment["DATIVO_RUNNER_CONFIG"] = str(project.write("runner.yaml", {"metrics_dir": "prom"}))
    assert project.run(project.job()).code == 0
    path = project.folder / "prom" / "dativo_acme_orders.prom"
    success = ("dativo_run_last_success_timestamp_seconds", WHO)
    before = samples(path.read_text())
    assert project.run(project.job(asset_path="assets/gone.yaml")).code == 2
    after = samples(path.read_text())
    assert after[success] == before[success]
    assert after["dativo_run_end_timestamp_seconds", WHO] > before[success]
    assert ("dativo_run_duration_seconds", WHO | {("status", "failed")}) in after


def test_a_folder_that_cannot_be_written_and_a_dead_collector_are_warnings(
    project: Project, collector: Collector
) -> None:
    project.csv(1)
    collector.stop()
    (project.folder / "prom").write_text("no folder")
    project.environment |= {
        "DATIVO_METRICS_DIR": str(project.folder / "prom"),
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
    }
    ended = project.run(project.job())
    assert (ended.code, project.ids()) == (0, [1])
    textfile, otlp = ended.said("metrics_failed")
    assert textfile.startswith("the textfile cannot be written")
    assert otlp.startswith("OTLP: span and duration of the job are not sent")


def test_the_tap_sees_no_sign_in_of_a_collector(tmp_path: Path) -> None:
    paths = [str(tmp_path / name) for name in ("log", "state", "ended", "exit", "seen")]
    log, state, ended, code, seen = paths
    command = [sys.executable, "-I", "-S", str(ROOT / "dativo_ingest/wrappers/tap.py"), log, state, "-", ended, code]
    env = {
        "PATH": os.environ["PATH"],
        "OTEL_EXPORTER_OTLP_HEADERS": SECRET,
        "OPENLINEAGE_API_KEY": SECRET,
        "TRACEPARENT": f"00-{TRACE}-{SPAN}-01",
    }
    subprocess.run([*command, "sh", "-c", f"env > {seen}"], env=env, check=True)
    found = Path(seen).read_text()
    assert SECRET not in found
    assert f"TRACEPARENT=00-{TRACE}-{SPAN}-01" in found
