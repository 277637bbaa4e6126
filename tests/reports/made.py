"""Reports of runs that did not happen: many streams, hostile names, a history."""

from __future__ import annotations

import random
from typing import Any

HOSTILE = "<img src=x onerror=alert(1)>"


def stream(name: str, records: int = 0, quarantined: int = 0, dropped: int = 0, **more: Any) -> dict[str, Any]:
    """Counts that add up."""
    rule = {"shop.amount.minimum": quarantined} if quarantined else {}
    return {
        "stream": name,
        "table": f"shop.{name}",
        "contract": "orders 1.0",
        "records": records,
        "good": records - quarantined - dropped,
        "quarantined": quarantined,
        "quarantine_table": f"shop.{name}__quarantine" if quarantined else None,
        "dropped": dropped,
        "by_rule": rule,
        "examples": [{"rule": name, "class": "constraint", "path": "$.a.b[3].c", "line": 7} for name in rule],
        "files": 1,
        "file_bytes": 1000,
        "input_bytes": 100 * records,
        "snapshot_id": "1234567890123456789",
    } | more  # fmt: skip


def run(
    *streams: dict[str, Any], job: str = "orders", tenant: str = "acme", number: int = 0, **more: Any
) -> dict[str, Any]:
    """A job's report; its exit code is that of its streams."""
    names = ("records", "good", "quarantined", "dropped", "input_bytes", "files", "file_bytes")
    totals = {name: sum(one[name] for one in streams) for name in names}
    code = 1 if totals["quarantined"] else 0
    epoch = {"epoch": 1, "opened": 0.5, "staged": 2.0, "published": 2.5, "records": totals["records"]}
    run_id = f"00000000-0000-4000-8000-{number:012d}"
    target = {
        "run_id": run_id,
        "status": "partial" if code else "success",
        "seconds": 3.0,
        "epochs": 1,
        "states": 1,
        "timeline": [epoch],
        "totals": totals,
        "streams": list(streams),
        "where": {"nessie": "http://127.0.0.1:1/api/v2", "branch": tenant, "hash": "ab" * 32},
    }
    return {
        "job": job,
        "tenant": tenant,
        "call_id": "call-0000",
        "run_id": run_id,
        "path": f"jobs/{job} file.yaml",
        "exit_code": code,
        "status": ("success", "partial")[code],
        "started_at": f"2026-11-01T03:{number:02d}:00Z",
        "seconds": 10.0 + number,
        "attempts": 1,
        "source": "csv",
        "target": target,
    } | more


def crowd() -> dict[str, Any]:
    """A run of 200 streams: long names, hostile ones, some without records, one that does not add up."""
    noise = random.Random(9)
    long = "customer_relationship_management_communication_preferences_history"
    names = [f"{long}_{n}" if n % 5 == 1 else f"stream_{n}" for n in range(198)]
    read = [0 if n % 3 == 0 else noise.randrange(1000, 10**7) for n in range(198)]
    streams = [stream(name, count, 7 * (count % 4 == 1)) for name, count in zip(names, read, strict=True)]
    lost = stream("leaky", 100)
    lost["good"] -= 1
    return run(*streams, stream(HOSTILE, 5, table=f"shop.{HOSTILE}", by_rule={HOSTILE: 1}), lost, number=49)
