"""Records that a replay must not lose: whatever the contract says by now, and however old their table is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from target_dativo_iceberg import quarantine
from tests.replay.orders import LENGTH, RELAXED, STRICT, Lake, order


def _says(action: str) -> list[dict[str, Any]]:
    own = [{"property": "dativo.onViolation", "value": action}]
    return [p | ({"customProperties": own} if p["name"] == "amount" else {}) for p in STRICT]


@pytest.mark.parametrize("action", ["drop", "fail"])
def test_a_contract_that_drops_or_fails_by_now_loses_no_record(
    lake: Lake, action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lake.load([order(1, amount=-1), order(2, code="toolong"), order(3)])
    lake.contract([p | ({"logicalTypeOptions": {}} if p["name"] == "code" else {}) for p in _says(action)], "2.0.0")
    assert lake.replay("--json") == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["tried"], report["replayed"], report["still_broken"]) == (2, 1, 1)
    assert (lake.ids(), lake.waiting(), lake.replayed()) == ([2, 3], 1, 1)
    lake.contract(RELAXED, "3.0.0")
    assert lake.replay() == 0
    assert (lake.ids(), lake.waiting()) == ([1, 2, 3], 0)


def test_rows_of_a_table_from_before_it_named_files_are_replayed_beside_newer_ones(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(quarantine, "FIELDS", quarantine.FIELDS[:-1])
        lake.load([order(1, code="toolong"), order(2, amount=-1), order(3)])
    assert "_file" not in lake.tables.rows("orders__quarantine")[0]
    lake.load([order(4, code="toolong"), order(5)], "r2")
    relaxed = [p | ({"logicalTypeOptions": {}} if p["name"] == "code" else {}) for p in STRICT]
    lake.contract(relaxed, "2.0.0")
    assert lake.replay("--rule", LENGTH) == 0
    assert (lake.ids(), lake.waiting(), lake.replayed()) == ([1, 3, 4, 5], 1, 2)
    assert {row["_file"] for row in lake.tables.rows("orders__quarantine")} == {None}
