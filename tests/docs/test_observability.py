"""What docs/observability.md shows of METRIC lines and of Prometheus, against a real run and a real Prometheus."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import sections
from tests.target.running import Ended, Target, record, schema, state
from tests.telemetry.prometheus import scraping


def shown(heading: str) -> list[str]:
    """The lines under a heading of the page."""
    (section,) = [one for one in sections("observability.md") if one.heading == heading]
    (block,) = section.blocks
    return block.text.splitlines()


def orders(target: Target, bad: int = 0, **settings: Any) -> Ended:
    """Load six orders, some of them against the contract."""
    columns = [{"name": "id", "logicalType": "integer"}, {"name": "s", "logicalType": "string", "required": True}]
    contract = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "orders", "version": "1.0.0", "status": "active"}
    path = target.folder / "contract.json"
    path.write_text(json.dumps(contract | {"schema": [{"name": "orders", "properties": columns}]}))
    rows = [record(number, "orders", s=None if number < bad else "x") for number in range(6)]
    return target.run([schema("orders"), *rows, state(1)], contract_path=str(path), **settings)


def test_the_metric_line(target: Target) -> None:
    """The page's line is one of a run of six orders, but for the number of the process."""
    (line,) = shown("METRIC lines")
    said = re.findall(r"METRIC: .*", orders(target).log)
    assert re.sub(r'"pid":\d+', '"pid":0', line) in [re.sub(r'"pid":\d+', '"pid":0', one) for one in said]


def test_the_expressions_for_prometheus(target: Target, tmp_path: Path) -> None:
    """Each tells of the jobs that it is about, of all that a Prometheus has scraped, and of no other."""
    old, never, broken = shown("Prometheus textfile")
    settings = {"metrics_dir": str(tmp_path / "prom"), "on_violation": "quarantine"}
    orders(target, bad=1, tenant_id="acme", job_id="orders", **settings)
    orders(target, tenant_id="acme", job_id="plans", **settings)
    orders(target, tenant_id="globex", job_id="orders", **settings)
    began = time.time()
    for tenant in ("globex", "initech"):
        failed = orders(target, bad=1, tenant_id=tenant, job_id="orders", **settings | {"on_violation": "fail"})
        assert failed.code == 1
    with scraping(tmp_path / "prom", tmp_path / "prometheus", "--query.lookback-delta=2d") as prometheus:
        assert jobs(prometheus.ask(broken)) == {("acme", "orders"): pytest.approx(1 / 6)}
        assert jobs(prometheus.ask(never)).keys() == {("initech", "orders")}
        assert prometheus.ask(old) == []
        kept = prometheus.ask('dativo_run_records_read{job="plans"}')
        assert [one["metric"]["tenant"] for one in kept] == ["acme"]
        assert prometheus.ask(old, began + 25 * 3600) == []
        late = jobs(prometheus.ask(old, began + 27 * 3600))
        assert late.keys() == {("acme", "orders"), ("acme", "plans"), ("globex", "orders")}
        # The run that failed since is not its last success.
        assert late["globex", "orders"] > 27 * 3600


def jobs(found: list[dict[str, Any]]) -> dict[tuple[str, str], float]:
    """Values by tenant and job, of those that have the job under the name that Prometheus gives it by default."""
    named = [(one["metric"], float(one["value"][1])) for one in found if "exported_job" in one["metric"]]
    return {(labels["tenant"], labels["exported_job"]): value for labels, value in named}
