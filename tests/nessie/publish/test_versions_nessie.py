"""Rows of older versions and deleted keys on Nessie, by both publishers, read by DuckDB on the branch."""

from __future__ import annotations

from typing import Any

import pytest

from tests.nessie.publish.landing import Landing
from tests.target.running import record, schema, state

SOFT = {"_sdc_deleted_at": {"type": ["string", "null"], "format": "date-time"}}
GONE_AT = "2024-05-06T07:08:09Z"


def _of_version(version: int, *numbers: int) -> list[dict[str, Any]]:
    rows = [record(n, s=f"v{version}") | {"version": version} for n in numbers]
    return [*rows, {"type": "ACTIVATE_VERSION", "stream": "a", "version": version}, state(version)]


@pytest.mark.parametrize("publish", ["commit", "branch"])
@pytest.mark.parametrize("method", ["append-only", "upsert"])
def test_older_versions_leave_in_one_commit(landing: Landing, method: str, publish: str) -> None:
    settings = {"load_method": method, "publish": publish, "add_record_metadata": True, "job_id": "j"}
    assert landing.run([schema(), *_of_version(1, 1, 2, 3)], **settings).code == 0
    assert landing.run([schema(), *_of_version(2, 3, 4)], **settings).code == 0
    kept = [(1, "v1", True), (2, "v1", True), (3, "v2", False), (4, "v2", False)]
    if method == "append-only":
        kept.insert(2, (3, "v1", True))
    assert sorted(landing.query("a", "id, s, _sdc_deleted_at IS NOT NULL")) == kept
    ended = landing.run([schema(), *_of_version(3, 4)], **settings, hard_delete=True)
    assert ended.code == 0
    assert landing.query("a", "id, s") == [(4, "v3")]
    assert ended.stream("a")["deleted"] == len(kept) - (method == "upsert")


@pytest.mark.parametrize("publish", ["commit", "branch"])
def test_deleted_keys_lose_their_rows(landing: Landing, publish: str) -> None:
    settings = {"load_method": "upsert", "publish": publish, "hard_delete": True}
    lines = [schema(**SOFT), *(record(n, s="x") for n in range(4)), state(1)]
    assert landing.run(lines, **settings).code == 0
    lines = [schema(**SOFT), record(1, _sdc_deleted_at=GONE_AT), record(2, _sdc_deleted_at=GONE_AT), state(2)]
    assert landing.run(lines, **settings).code == 0
    assert sorted(landing.query("a", "id, s")) == [(0, "x"), (3, "x")]
