"""The run report and the quarantine: they add up, and say what tables and files really hold."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.readback import Tables
from tests.target.running import Ended, Target, record, schema, state

COUNTS = ("records", "good", "quarantined", "dropped", "input_bytes", "files", "file_bytes")


def line(body: str, stream: str = "a") -> str:
    return f'{{"type":"RECORD","stream":"{stream}","record":{body}}}'


def adds_up(ended: Ended) -> None:
    """In = good + quarantined + dropped, for each stream and in all."""
    report = ended.report
    for counts in (*report["streams"], report["totals"]):
        assert counts["records"] == counts["good"] + counts["quarantined"] + counts["dropped"]
    for name in COUNTS:
        assert report["totals"][name] == sum(s[name] for s in report["streams"])


def metadata_of(target: Target, table: str) -> dict[str, Any]:
    return json.loads(Path(target.published()[table].removeprefix("file://")).read_text())  # type: ignore[no-any-return]


# ---- what was published ----


def test_the_report_says_what_tables_and_files_hold(target: Target) -> None:
    noise = random.Random(1)
    lines = [schema("a"), schema("b"), schema("never")]
    lines += [record(n, "a", s=noise.randbytes(2000).hex()) for n in range(3000)]
    lines += [record(n, "b") for n in range(10)]
    ended = target.run([*lines, state({"b": 1})], target_file_size_mb=1, run_id="run-7", job_id="job", tenant_id="acme")
    adds_up(ended)
    report = ended.report
    assert [report[k] for k in ("run_id", "job_id", "tenant_id")] == ["run-7", "job", "acme"]
    assert [report[k] for k in ("status", "error", "epochs", "states", "unpublished")] == ["success", None, 1, 1, []]
    for name, rows in {"a": 3000, "b": 10, "never": 0}.items():
        counts = ended.stream(name)
        files = list((target.warehouse / "default" / name).rglob("*.parquet"))
        assert counts["table"] == f"default.{name}"
        assert counts["records"] == counts["good"] == rows == Tables(target.warehouse).count(name)
        assert (counts["files"], counts["file_bytes"]) == (len(files), sum(f.stat().st_size for f in files))
        if rows:
            assert counts["snapshot_id"] == str(metadata_of(target, f"default.{name}")["current-snapshot-id"])
    assert ended.stream("a")["input_bytes"] > 3000 * 4000


def test_the_report_covers_all_epochs_of_a_run(target: Target) -> None:
    child = target.start(epoch_max_seconds=1)
    child.feed(schema(), record(1), state({"b": 1}))
    child.until(lambda: child.states, "the first STATE")
    child.feed(record(2), record(3), state({"b": 3}))
    ended = child.wait()
    adds_up(ended)
    assert (ended.report["epochs"], ended.report["states"]) == (2, 2)
    counts = ended.stream("a")
    assert (counts["records"], counts["files"]) == (3, 2)
    assert counts["snapshot_id"] == str(metadata_of(target, "default.a")["current-snapshot-id"])


def test_the_report_is_there_while_the_run_is_on(target: Target) -> None:
    path = target.folder / "reports" / "new" / "report.json"
    child = target.start(report_path=str(path))
    child.until(path.exists, "a report")
    assert json.loads(path.read_text())["status"] == "running"
    child.feed(schema(), record(1))
    assert child.wait().code == 0
    assert json.loads(path.read_text())["status"] == "success"
    assert list(path.parent.iterdir()) == [path]


def test_the_report_says_when_epochs_were_published_and_what_changed_in_the_table(target: Target) -> None:
    child = target.start(epoch_max_seconds=1, on_violation="quarantine")
    child.feed(schema(), record(1), state({"b": 1}))
    child.until(lambda: child.states, "the first STATE")
    child.feed(schema(more={"type": ["string", "null"]}), record(2), line('{"id":"x"}'), state({"b": 3}))
    report = child.wait().report
    first, second = report["timeline"]
    assert [(e["epoch"], e["records"], e["good"], e["quarantined"]) for e in (first, second)] == [
        (1, 1, 1, 0),
        (2, 2, 1, 1),
    ]
    moments = [epoch[name] for epoch in (first, second) for name in ("opened", "staged", "published")]
    assert moments == sorted(moments)
    assert 0 <= moments[0] <= moments[-1] <= report["seconds"]
    assert report["streams"][0]["schema_changes"] == ["the table is made", "column 'more' is added (string)"]
    assert report["where"] == {"warehouse": str(target.warehouse)}


# ---- what was not ----


def test_the_report_of_a_failure_tells_published_from_unpublished(target: Target) -> None:
    child = target.start(epoch_max_seconds=1)
    child.feed(schema(), record(1), state({"b": 1}))
    child.until(lambda: child.states, "the first STATE")
    child.feed(record(2), line('{"id":"c4n4ry"}'), state({"b": 3}))
    ended = child.wait()
    adds_up(ended)
    report = ended.report
    assert (ended.code, report["status"], report["error"]["code"]) == (1, "failed", "violation")
    assert "line 5" in report["error"]["message"]
    assert "c4n4ry" not in json.dumps(report)
    assert (report["totals"]["records"], report["states"]) == (1, 1)
    example = {"rule": "type", "class": "type", "path": "$.id", "line": 5, "file": None}
    assert report["unpublished"] == [
        {"stream": "a", "records": 2, "rejected": 1, "by_rule": {"type": 1}, "examples": [example]}
    ]


def test_the_report_of_a_contract_that_cannot_be_read_is_a_failure(target: Target) -> None:
    (target.folder / "contract.yaml").write_text("apiVersion: [\n")
    ended = target.run([schema()], contract_path=str(target.folder / "contract.yaml"))
    assert ended.code == 1
    assert (ended.report["status"], ended.report["error"]["code"]) == ("failed", "contract")


def test_an_old_report_is_not_taken_for_that_of_a_killed_run(target: Target) -> None:
    path = target.folder / "report.json"
    assert target.run([schema(), record(1)], report_path=str(path)).code == 0
    child = target.start(report_path=str(path))
    child.until(lambda: "success" not in path.read_text(), "the new report")
    child.signal(9)  # type: ignore[arg-type]
    child.wait()
    assert json.loads(path.read_text())["status"] == "running"


# ---- quarantine ----

BAD = {
    2: ('{"id":"one"}', "$.id", "id", "type"),
    3: ('{"s":"no key"}', "$.id", "id", "missing_required"),
    5: ('{"id":3,"s":{"a":1}}', "$.s", "s", "type"),
    6: ('{"id":4,"n":NaN}', "$.n", "n", "type"),
    7: ('{"id":5,"n":1e999}', "$.n", "n", "type"),
    9: ('{"id":6,"s":"\\ud800"}', "$.s", "s", "type"),
}


def test_rejected_records_are_in_quarantine_with_their_reasons(target: Target) -> None:
    lines = [schema(n={"type": ["number", "null"]})]
    lines += [BAD[n][0] if n in BAD else f'{{"id":{n * 100}}}' for n in range(2, 12)]  # type: ignore[list-item]
    messages = [lines[0], *(line(str(body)) for body in lines[1:]), state({"b": 1})]
    ended = target.run(messages, on_violation="quarantine", run_id="run-7")
    adds_up(ended)
    assert (ended.code, ended.states, ended.report["status"]) == (0, [{"b": 1}], "partial")
    counts = ended.stream("a")
    assert (counts["records"], counts["good"], counts["quarantined"]) == (10, 4, 6)
    assert sum(counts["by_rule"].values()) == 6
    assert counts["quarantine_table"] == "default.a__quarantine"
    rows = Tables(target.warehouse).rows("a__quarantine", "_seq")
    assert [row["_seq"] for row in rows] == list(BAD)
    for row in rows:
        body, path, field, klass = BAD[row["_seq"]]
        assert (row["_run_id"], row["_stream"]) == ("run-7", "a")
        assert body in row["_record"]
        assert [(e["path"], e["field"], e["class"]) for e in row["_errors"]] == [(path, field, klass)]
        assert all(e["message"] and e["rule"] for e in row["_errors"])
    assert [row["_keys"] for row in rows[:3]] == ['{"id":"one"}', "{}", '{"id":3}']
    assert sorted(r["id"] for r in Tables(target.warehouse).rows("a")) == [400, 800, 1000, 1100]


def test_a_record_with_two_faults_counts_once_and_once_for_each_rule(target: Target) -> None:
    ended = target.run([schema(), line('{"s":[1]}'), line('{"id":1}')], on_violation="quarantine")
    adds_up(ended)
    counts = ended.stream("a")
    assert (counts["quarantined"], sum(counts["by_rule"].values())) == (1, 2)
    (row,) = Tables(target.warehouse).rows("a__quarantine")
    assert len(row["_errors"]) == 2


@pytest.mark.parametrize(
    "body", [b'{"id":1,"s":"c\xff"}', b'{"id":1,"\xff":1}', b'{"id":"\xff"}', b'{"id":1,"s":"\xc3']
)
def test_a_record_that_is_not_utf8_is_kept_in_quarantine_as_far_as_it_can_be(target: Target, body: bytes) -> None:
    bad = b'{"type":"RECORD","stream":"a","record":' + body + b"}\n"
    data = "".join(json.dumps(m) + "\n" for m in [schema(), record(2)]).encode() + bad
    ended = target.run(data + json.dumps(state({"b": 1})).encode() + b"\n", on_violation="quarantine")
    adds_up(ended)
    assert (ended.code, ended.states) == (0, [{"b": 1}])
    assert [row["id"] for row in Tables(target.warehouse).rows("a")] == [2]
    (row,) = Tables(target.warehouse).rows("a__quarantine")
    assert "\ufffd" in row["_record"]


def test_a_stream_of_bad_records_alone_leaves_an_empty_table_and_a_full_quarantine(target: Target) -> None:
    ended = target.run([schema(), *(line(f'{{"id":"x{n}"}}') for n in range(50))], on_violation="quarantine")
    adds_up(ended)
    assert ended.code == 0
    tables = Tables(target.warehouse)
    assert (tables.count("a"), tables.count("a__quarantine")) == (0, 50)


def test_records_and_reasons_are_not_in_the_log(target: Target) -> None:
    ended = target.run([schema(), line('{"id":"c4n4ry"}')], on_violation="quarantine", env={"LOGLEVEL": "DEBUG"})
    assert ended.code == 0
    assert "c4n4ry" not in ended.log + json.dumps(ended.report)


def test_the_report_shows_where_the_first_records_of_each_rule_stand(target: Target) -> None:
    lines = [schema(), *(line('{"id":"c4n4ry","s":[1]}') for _ in range(9)), record(1)]
    examples = target.run(lines, on_violation="quarantine").stream("a")["examples"]
    fixed = {"rule": "type", "class": "type", "file": None}
    assert examples == [fixed | {"path": path, "line": at} for path, at in (("$.id", 2), ("$.s", 2), ("$.id", 3))]


def test_an_example_shows_no_key_of_a_map() -> None:
    from target_dativo_iceberg.contract.model import Contract, Field, Kind, Type
    from target_dativo_iceberg.examples import masked

    whole = Type(Kind.INTEGER)
    inner = Type(Kind.STRUCT, fields=(Field("in side", whole),))
    fields = (Field("m", Type(Kind.MAP, item=Field("value", inner), key=Type(Kind.STRING))), Field("l.x", whole))
    contract = Contract(
        name="a", fields=(*fields, Field("l", Type(Kind.LIST, item=Field("element", inner))), Field("j", whole))
    )
    shown = {
        "$": "$",
        "$.m.ada@example['com']": "$.m.*.*",
        "$.m.ada.in side": "$.m.*.in side",
        "$['l.x']": "$['l.x']",
        "$.l[3].in side": "$.l[3].in side",
        "$.l[3].ada": "$.l[3].*",
        "$.j.ada[0].b": "$.j.*[0].*",
        "$.extra.ada": "$.extra.*",
    }
    assert {path: masked(path, contract) for path in shown} == shown


# ---- thresholds ----


def some_bad(good: int, bad: int) -> list[Any]:
    return [schema(), *(record(n) for n in range(good)), *(line('{"id":"x"}') for _ in range(bad)), state({"b": 1})]


@pytest.mark.parametrize(
    ("limits", "bad"),
    [
        ({"max_violations": 3}, 3),
        ({"max_violations": 0}, 0),
        ({"max_violation_pct": 50}, 10),
        ({"max_violation_pct": 0.5}, 0),
    ],
)
def test_as_many_violations_as_allowed_are_published(target: Target, limits: dict[str, float], bad: int) -> None:
    ended = target.run(some_bad(10, bad), on_violation="quarantine", **limits)
    assert (ended.code, ended.states) == (0, [{"b": 1}])
    assert Tables(target.warehouse).count("a") == 10
    assert Tables(target.warehouse).count("a__quarantine") == bad


@pytest.mark.parametrize(
    ("limits", "bad"),
    [
        ({"max_violations": 3}, 4),
        ({"max_violations": 0}, 1),
        ({"max_violation_pct": 50}, 11),
        ({"max_violation_pct": 0}, 1),
    ],
)
def test_one_violation_more_than_allowed_fails_the_epoch(target: Target, limits: dict[str, float], bad: int) -> None:
    ended = target.run(some_bad(10, bad), on_violation="quarantine", **limits)
    (name, limit) = next(iter(limits.items()))
    assert (ended.code, ended.out) == (1, b"")
    assert len(ended.errors) == 1
    assert f"violation: stream 'a': more than {name} ({limit}" in ended.errors[0]
    assert ended.errors[0].endswith(" (retryable: no)")
    error = ended.report["error"]
    assert (error["code"], error["retryable"]) == ("violation", False)
    assert f"{error['code']}: {error['message']}: {error['hint']} (retryable: no)" == ended.errors[0]
    assert target.published() == {}
    assert list(target.warehouse.rglob("*.parquet")) == []
    (unpublished,) = ended.report["unpublished"]
    assert (unpublished["rejected"], unpublished["by_rule"]) == (bad, {"type": bad})


def test_violations_of_earlier_epochs_count(target: Target) -> None:
    child = target.start(epoch_max_seconds=1, on_violation="quarantine", max_violations=1)
    child.feed(schema(), record(1), line('{"id":"x"}'), state({"b": 1}))
    child.until(lambda: child.states, "the first STATE")
    child.feed(line('{"id":"y"}'), state({"b": 2}))
    ended = child.wait()
    adds_up(ended)
    assert (ended.code, ended.states) == (1, [{"b": 1}])
    assert Tables(target.warehouse).count("a__quarantine") == 1
