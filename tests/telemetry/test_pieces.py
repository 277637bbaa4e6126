"""Sinks by themselves: names, times and faults that a whole run does not meet."""

from __future__ import annotations

import json
import logging
import stat
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from target_dativo_iceberg.report import RunReport, StreamReport
from target_dativo_iceberg.settings import Settings
from target_dativo_iceberg.telemetry import feed as feed_module
from target_dativo_iceberg.telemetry import textfile
from target_dativo_iceberg.telemetry.events import EpochPublished, Event, RunEnded
from target_dativo_iceberg.telemetry.feed import Feed
from target_dativo_iceberg.telemetry.measures import MEASURES
from target_dativo_iceberg.telemetry.opening import place
from target_dativo_iceberg.telemetry.singer import MetricLines
from target_dativo_iceberg.telemetry.tracing import Parent, begun, taken
from tests.target.running import Target, record, schema, state

ROOT = Path(__file__).resolve().parents[2]
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def finished(job: str | None = "acme.shop", stream: str = "orders") -> dict[str, Any]:
    report = RunReport("r1", job, "acme")
    report.take(EpochPublished(1, None, {stream: StreamReport(stream, records=3, good=3)}))
    report.finished = True
    report.end()
    return report.as_dict()


def test_the_textfile_is_whole_readable_for_all_and_kept_apart_by_name(tmp_path: Path) -> None:
    paths = {textfile.write(tmp_path, finished(job), 7.0) for job in ("acme.shop", "acme.a/b", "acme.a_b", None)}
    assert len(paths) == 4
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in paths}
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o644}
    assert textfile.write(tmp_path, finished("acme.shop"), 8.0).name == "dativo_acme_shop.prom"


def test_names_in_the_textfile_are_escaped(tmp_path: Path) -> None:
    text = textfile.write(tmp_path, finished(stream='a"b\\c\nd'), 7.0).read_text()
    assert 'dativo_run_files{tenant="acme",job="shop",stream="a\\"b\\\\c\\nd"} 0\n' in text


def test_a_failed_run_keeps_the_last_success_of_the_file_before(tmp_path: Path) -> None:
    textfile.write(tmp_path, finished(), 1_796_150_211.49)
    for _ in range(2):
        path = textfile.write(tmp_path, finished() | {"status": "failed"}, 1_796_150_300.0)
    lines = dict(line.split(" ") for line in path.read_text().splitlines() if "timestamp" in line and "#" not in line)
    assert lines == {
        'dativo_run_end_timestamp_seconds{tenant="acme",job="shop"}': "1796150300.0",
        'dativo_run_last_success_timestamp_seconds{tenant="acme",job="shop"}': "1796150211.49",
    }


def test_no_two_measures_share_a_name() -> None:
    for kind in ("otel", "gauge", "singer"):
        names = [name for one in MEASURES if (name := getattr(one, kind))]
        assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (f"00-{TRACE}-{SPAN}-01", Parent(TRACE, SPAN, "01")),
        (f"00-{TRACE}-{SPAN}-00", Parent(TRACE, SPAN, "00")),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE}-{SPAN}", None),
        ("", None),
    ],
)
def test_the_trace_is_taken_from_the_environment_if_it_is_well_formed(given: str, expected: Parent | None) -> None:
    assert taken({"TRACEPARENT": given}) == expected
    own = begun({"TRACEPARENT": given})
    assert taken({"TRACEPARENT": str(own)}) == own
    assert (own.trace == TRACE) == (expected is not None)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"warehouse": "s3://bucket/tables"}, "s3://bucket/tables"),
        ({"warehouse": "/tables"}, "file:///tables"),
        ({"nessie_uri": "https://me:secret@nessie.example.com/api/v2?a=b"}, "https://nessie.example.com/api/v2"),
    ],
)
def test_the_place_of_tables_is_a_uri_without_a_sign_in(settings: dict[str, Any], expected: str) -> None:
    assert place(Settings(**settings)) == expected


class Broken:
    """A sink that fails."""

    name = "broken"

    def __init__(self) -> None:
        self.met = 0

    def take(self, event: Event) -> None:
        self.met += 1
        raise ValueError("with a value")


def test_a_sink_that_fails_is_one_warning_and_told_nothing_more(caplog: pytest.LogCaptureFixture) -> None:
    sink, report = Broken(), RunReport("r1")
    feed = Feed(report, [sink])
    for number in (1, 2):
        feed.say(EpochPublished(number, None, {"a": StreamReport("a", records=2, good=2)}))
    assert (sink.met, report.epochs, report.streams["a"].records) == (1, 2, 4)
    assert caplog.messages == ["broken: is told nothing more of this run (ValueError)"]


def test_record_counts_of_a_long_run_add_up(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(feed_module, "_EVERY_SECONDS", 0.0)
    caplog.set_level(logging.INFO, "singer_sdk.metrics")
    report = RunReport("r1")
    feed = Feed(report, [MetricLines()])
    counts = StreamReport("a", records=2, good=2)
    feed.progress({"a": counts})
    counts.records = counts.good = 5
    feed.progress({"a": counts})
    feed.say(EpochPublished(1, None, {"a": counts}))
    feed.progress({"a": StreamReport("a", records=1, good=1)})
    report.unpublished = {"a": StreamReport("a", records=4, good=4)}
    feed.say(RunEnded(report.as_dict(), report.line()))
    points = [json.loads(message.removeprefix("METRIC: ")) for message in caplog.messages]
    said: Counter[str] = Counter()
    for point in points:
        said[point["metric"]] += point["value"] if "outcome" not in point["tags"] else 0
    assert [p["value"] for p in points if p["metric"] == "record_count"] == [2, 3, 1, 3]
    assert said["record_count"] == 9


def test_meltano_reads_the_json_log_and_its_metrics(target: Target) -> None:
    ended = target.run([schema(), record(1), state(1)], log_format="json")
    assert ended.code == 0, ended.log
    script = (
        "import json, sys\n"
        "from meltano.core.logging.parsers import SingerSDKLogParser\n"
        "for line in sys.stdin:\n"
        "    found = SingerSDKLogParser().parse(line)\n"
        "    print(json.dumps([found.message, found.extra]))\n"
    )
    meltano = ROOT / ".venv-meltano/bin/python"
    done = subprocess.run([meltano, "-c", script], input=ended.log, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    events = {extra["event_type"]: extra for _, extra in lines if "event_type" in extra}
    assert events["run_ended"]["totals"] == ended.report["totals"]
    assert events["epoch_published"]["records"] == 1
    metrics = [extra["metric_info"] for message, extra in lines if message == "METRIC"]
    assert {"record_count", "dativo_run_duration"} <= {one["metric"] for one in metrics}


def test_an_error_in_the_json_log_has_its_code(target: Target) -> None:
    ended = target.run([schema(), "no JSON"], log_format="json")
    assert ended.code == 1
    error = next(found for line in ended.log.splitlines() if (found := json.loads(line))["level"] == "error")
    assert error["extra"] == {"event_type": "failed", "code": "input", "retryable": None}
