"""What one run tells: textfile, collector, lineage and METRIC lines say what its report says, number for number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.telemetry.collector import Collector
from tests.telemetry.conftest import CANARY, PARENT, SECRETS, Told
from tests.telemetry.scraping import Labels, samples

ROOT = Path(__file__).resolve().parents[2]
TIMERS = {"dativo_run_duration": "seconds", "dativo_publish_duration": "publish_seconds"}
WHO = {("tenant", "acme"), ("job", "shop")}


def expected(report: dict[str, Any]) -> dict[tuple[str, Labels], float]:
    """What the report says, by names of the textfile."""
    found: dict[tuple[str, Labels], float] = {}
    for stream in report["streams"]:
        own = frozenset({*WHO, ("stream", stream["stream"])})
        found["dativo_run_records_read", own] = stream["records"]
        found["dativo_run_written_bytes", own] = stream["file_bytes"]
        found["dativo_run_files", own] = stream["files"]
        for outcome in ("good", "quarantined", "dropped"):
            found["dativo_run_records", own | {("outcome", outcome)}] = stream[outcome]
    found["dativo_run_publish_seconds", frozenset(WHO)] = report["publish_seconds"]
    found["dativo_run_duration_seconds", frozenset({*WHO, ("status", report["status"])})] = report["seconds"]
    return found


def test_all_sinks_agree_with_the_report_and_hold_no_value(run: Callable[..., Told], collector: Collector) -> None:
    told = run(collector)
    report = told.report
    assert (told.ended.code, report["status"], told.warnings) == (0, "partial", [])
    assert [(s["records"], s["good"], s["quarantined"]) for s in report["streams"]] == [(6, 5, 1), (4, 3, 1)]

    scraped = samples(told.textfile)
    times = {name: scraped.pop((name, frozenset(WHO))) for name, _ in list(scraped) if "timestamp" in name}
    assert scraped == expected(report)
    assert len(times) == 2
    assert len(set(times.values())) == 1

    _collected_agrees(collector, report)
    _spans_agree(collector, report)
    _lineage_agrees(told)
    _metric_lines_agree(told)
    _contract_results_agree(report)

    everything = [told.textfile, str(told.lineage), told.ended.log, str(report), *map(str, collector.bodies)]
    assert [word for word in (CANARY, *SECRETS) for text in everything if word in text] == []
    assert {headers["api-key"] for headers in collector.headers} == {SECRETS[1]}


def _collected_agrees(collector: Collector, report: dict[str, Any]) -> None:
    names = {
        "dativo_run_records": ("dativo.records", "{record}"),
        "dativo_run_records_read": ("dativo.records.read", "{record}"),
        "dativo_run_written_bytes": ("dativo.written", "By"),
        "dativo_run_files": ("dativo.files", "{file}"),
        "dativo_run_publish_seconds": ("dativo.publish.duration", "s"),
        "dativo_run_duration_seconds": ("dativo.run.duration", "s"),
    }
    points = collector.points
    wanted = {(*names[name], labels): value for (name, labels), value in expected(report).items()}
    assert {key: point.value for key, point in points.items()} == wanted
    counts = {key[0]: point.count for key, point in points.items() if point.count is not None}
    assert counts == {"dativo.publish.duration": report["epochs"], "dativo.run.duration": 1}
    assert {one["service.name"] for one in collector.resources} == {"target-dativo-iceberg"}


def _spans_agree(collector: Collector, report: dict[str, Any]) -> None:
    spans = collector.spans
    _, trace, around, _ = PARENT.split("-")
    assert {span.trace for span in spans} == {trace}
    (top,) = (span for span in spans if span.parent == around)
    by_id = {span.own: span for span in spans}
    tree = Counter((by_id[span.parent].name, span.name) for span in spans if span is not top)
    assert top.name == "dativo.run"
    assert tree == {
        ("dativo.run", "dativo.stream"): 2,
        ("dativo.run", "dativo.epoch"): 1,
        ("dativo.epoch", "dativo.publish"): 1,
    }
    assert top.attributes["dativo.run.id"] == report["run_id"]
    assert top.attributes["dativo.records.read"] == report["totals"]["records"]
    found = {s.attributes["dativo.stream"]: s.attributes for s in spans if s.name == "dativo.stream"}
    for stream in report["streams"]:
        own = found[stream["stream"]]
        assert own["dativo.records.good"] == stream["good"]
        assert own["dativo.records.quarantined"] == stream["quarantined"]
        assert own["dativo.snapshot.id"] == stream["snapshot_id"]
    page = (ROOT / "docs" / "observability.md").read_text()
    assert [key for span in spans for key in (span.name, *span.attributes) if f"`{key}`" not in page] == []
    assert abs(top.nanoseconds / 1e9 - report["seconds"]) < 0.001


def _lineage_agrees(told: Told) -> None:
    report = told.report
    start, end = told.lineage
    assert [start["eventType"], end["eventType"]] == ["START", "COMPLETE"]
    assert {start["run"]["runId"], end["run"]["runId"]} == {report["run_id"]}
    assert (end["job"]["namespace"], end["job"]["name"]) == ("default", "acme.shop")
    tables = {one["name"]: one for one in end["outputs"]}
    for stream in report["streams"]:
        table = tables[stream["table"]]
        statistics = table["outputFacets"]["outputStatistics"]
        assert (statistics["rowCount"], statistics["size"], statistics["fileCount"]) == (
            stream["good"],
            stream["file_bytes"],
            stream["files"],
        )
        assert table["facets"]["version"]["datasetVersion"] == stream["snapshot_id"]
        aside = tables[stream["quarantine_table"]]["outputFacets"]["outputStatistics"]
        assert aside["rowCount"] == stream["quarantined"]
    columns = tables["default.orders"]["facets"]["schema"]["fields"]
    assert [(one["name"], one["type"]) for one in columns] == [("id", "integer"), ("who", "string")]
    judged = {one["name"]: one["inputFacets"]["dataQualityAssertions"]["assertions"] for one in end["inputs"]}
    assert {one["assertion"]: one["success"] for one in judged["default.orders"]} == {
        "records": False,
        next(iter(told.ended.stream("orders")["by_rule"])): False,
        "few": True,
    }


def _metric_lines_agree(told: Told) -> None:
    found: Counter[tuple[str, ...]] = Counter()
    for line in told.metrics:
        tags = line["tags"]
        if line["type"] == "counter":
            found[line["metric"], tags["stream"], *filter(None, [tags.get("outcome")])] += line["value"]
        else:
            assert line["value"] == told.report[TIMERS[line["metric"]]]
    for stream in told.report["streams"]:
        name = stream["stream"]
        assert found["record_count", name] == stream["records"]
        assert found["dativo_records", name, "quarantined"] == stream["quarantined"]
        assert found["dativo_written_bytes", name] == stream["file_bytes"]


def _contract_results_agree(report: dict[str, Any]) -> None:
    orders, plans = report["contract_results"]
    assert orders["contract"] == {"contractId": "orders-contract", "version": "1.2.0"}
    assert (orders["kind"], orders["status"], plans["status"]) == ("ObservabilityResults", "fail", "fail")
    results = {one["id"]: one for one in orders["results"]}
    measure = results["records"]["measure"]
    assert (measure["rowCount"], measure["failedRowCount"], measure["value"]) == (6, 1, 1)
    assert (results["few"]["status"], results["few"]["measure"]["value"]) == ("pass", 5)
