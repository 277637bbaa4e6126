"""The contract results of a run in the shape of OORS, Bitol's draft for results of checks, pinned to v0.8.1.

A draft: the shape follows it, and may change with it. One document for each stream that has a contract.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

VERSION = "v0.8.1"
_WORST = ("error", "fail", "warn", "pass", "skip")
Result = dict[str, Any]


def documents(report: Mapping[str, Any], observed_at: str) -> list[dict[str, Any]]:
    """Return the documents of a run.

    Args:
        report: of the run: `run_id` and `streams`.
        observed_at: when the run ended, ISO 8601.

    """
    judged = ((stream, results(stream)) for stream in report["streams"])
    return [_document(report, stream, own, observed_at) for stream, own in judged if own]


def results(stream: Mapping[str, Any]) -> list[Result]:
    """Return what came of each rule and check of a stream's contract; nothing for a stream that has none.

    A rule that no record broke is not listed by itself: it is part of the first result, which is of all rules.
    """
    return [*_of_records(stream), *_of_checks(stream)] if stream["contract"] else []


def _document(
    report: Mapping[str, Any], stream: Mapping[str, Any], own: list[Result], observed_at: str
) -> dict[str, Any]:
    contract_id, _, version = stream["contract"].rpartition(" ")
    contract = {"contractId": contract_id, "version": version} if contract_id else {"contractId": version}
    statuses = {one["status"] for one in own}
    return {
        "apiVersion": VERSION,
        "kind": "ObservabilityResults",
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{report['run_id']}/{stream['stream']}")),
        "observedAt": observed_at,
        "source": {"process": report.get("job_id") or "target-dativo-iceberg", "runId": report["run_id"]},
        "contract": contract,
        "status": next((status for status in _WORST if status in statuses), "unknown"),
        "results": own,
    }


def _of_records(stream: Mapping[str, Any]) -> Iterator[Result]:
    rows, bad = stream["records"], stream["quarantined"]
    broken = "fail" if stream["by_rule"] else "warn" if stream["warnings"] else "pass"
    measure = {"metric": "quarantinedRecords", "value": bad, "threshold": {"mustBe": 0}, "unit": "rows"}
    yield _result(stream, "records", "Records fit the contract", broken, {**measure, **_rows(rows, bad)})
    for status, severity, counts in (("fail", "error", stream["by_rule"]), ("warn", "warning", stream["warnings"])):
        for rule, count in counts.items():
            measure = {"metric": "brokenBy", "value": count, "threshold": {"mustBe": 0}, "unit": "rows"}
            yield _result(stream, rule, f"Rule {rule}", status, {**measure, **_rows(rows, count)}, severity)


def _of_checks(stream: Mapping[str, Any]) -> Iterator[Result]:
    for check in stream["checks"]:
        measure = {"metric": check["kind"], "value": check["measured"], **_rows(check["rows"], check["failed_rows"])}
        found = _result(stream, check["id"], f"Check {check['id']}", check["status"], measure, check["severity"])
        if check["reason"]:
            found["message"] = check["reason"]
        if check["expected"]:
            found["customProperties"] = [{"property": "expected", "value": check["expected"]}]
        yield found


def _result(
    stream: Mapping[str, Any], id_: str, name: str, status: str, measure: Mapping[str, Any], severity: str = "error"
) -> Result:
    return {
        "id": id_,
        "type": "check",
        "name": name,
        "status": status,
        "severity": severity,
        "target": {"resourceType": "table", "resourceIdentifier": stream["table"]},
        "measure": {key: value for key, value in measure.items() if value is not None},
    }


def _rows(rows: int, failed: int | None) -> dict[str, int | None]:
    return {"rowCount": rows, "failedRowCount": failed}
