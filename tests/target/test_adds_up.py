"""The loader itself asserts, at every epoch, that records in are good, quarantined or dropped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from target_dativo_iceberg import intake
from target_dativo_iceberg.errors import DativoError
from target_dativo_iceberg.stage import Staged, stage
from tests.replay.orders import STRICT, Lake, order

_SORTED = {"preset": "quarantine", "missing_required": "drop"}


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    found = Lake(tmp_path, {"warehouse": str(tmp_path / "warehouse"), "on_violation": _SORTED})
    found.contract(STRICT)
    yield found
    found.close()


@pytest.mark.parametrize("what", ["accepted", "rejected", "dropped"])
def test_a_record_that_is_lost_on_the_way_ends_the_run_before_the_commit(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Staging that loses one record of each kind, as a fault of ours would."""
    records = [order(1), order(2), order(3, amount=-1), order(4, note=None)]
    assert lake.load(records).streams["orders"].good == 2
    before = lake.tables.pointers()
    losing = {
        "accepted": lambda s: {"accepted": s.accepted.slice(1), "rows": None},
        "rejected": lambda s: {"rejected": s.rejected[1:]},
        "dropped": lambda s: {"dropped": s.dropped - 1},
    }[what]

    def faulty(*args: Any, **options: Any) -> Staged:
        staged = stage(*args, **options)
        return replace(staged, **losing(staged))

    monkeypatch.setattr(intake, "stage", faulty)
    later = [r | {"id": r["id"] + 10} for r in records]
    with pytest.raises(DativoError, match=r"stream 'orders': 4 records in, but . good, . quarantined and . dropped"):
        lake.load(later)
    assert lake.tables.pointers() == before
