"""Replay and plan on Nessie: one Nessie commit for both tables, and a plan makes no branch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dativo_ingest.stack import LocalStack
from target_dativo_iceberg import log, plan
from target_dativo_iceberg import publish as publishing
from target_dativo_iceberg.nessie import NessieClient, Reference
from tests.nessie.lake import catalog_of
from tests.replay.orders import MINIMUM, RELAXED, STRICT, Lake, order, planted

pytestmark = pytest.mark.nessie


@pytest.fixture
def shore(stack: LocalStack, branch: Reference, tmp_path: Path) -> Iterator[Lake]:
    """A branch of its own with quarantined orders 7 and 27 of 40, and the relaxed contract."""
    found = Lake(tmp_path, {**stack.target_settings(branch.name), "namespace": "ns"})
    found.contract(STRICT)
    found.load(planted(40, MINIMUM))
    found.contract(RELAXED, "2.0.0")
    yield found
    found.close()


def rows(stack: LocalStack, branch: Reference, name: str) -> list[dict[str, Any]]:
    return catalog_of(stack, branch.name).load_table(("ns", name)).scan().to_arrow().to_pylist()


def adds_up(stack: LocalStack, branch: Reference, good: int, waiting: int) -> None:
    ids = sorted(r["id"] for r in rows(stack, branch, "orders"))
    assert ids == sorted(set(ids))
    left = [r for r in rows(stack, branch, "orders__quarantine") if r["_replayed_at"] is None]
    assert (len(ids), len(left)) == (good, waiting)


@pytest.mark.parametrize("how", ["commit", "branch"])
def test_both_tables_change_in_one_nessie_commit(
    shore: Lake,
    stack: LocalStack,
    branch: Reference,
    nessie: NessieClient,
    how: str,
) -> None:
    shore.settings["publish"] = how
    before = nessie.reference(branch.name).hash
    assert shore.replay(table="ns.orders") == 0
    log_ = nessie.log(branch.name, with_changes=True)
    changes = []
    for commit in log_:
        if commit.commit_meta.hash == before:
            break
        changes.append(sorted(path[-1] for path in commit.changed))
    assert changes[-1] == ["orders", "orders__quarantine"]
    assert len(changes) <= 2  # a merge adds a commit of its own
    adds_up(stack, branch, 40, 0)
    head = nessie.reference(branch.name).hash
    assert shore.replay(table="ns.orders") == 0
    assert nessie.reference(branch.name).hash == head


def test_a_replay_that_loses_to_another_reads_anew(
    shore: Lake,
    stack: LocalStack,
    branch: Reference,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shore.load([order(300, amount=-1)], "later")
    real = publishing.commit

    def rival_first(*args: Any) -> None:
        monkeypatch.setattr(publishing, "commit", real)
        assert shore.replay("--limit", "1", table="ns.orders") == 0
        real(*args)

    monkeypatch.setattr(publishing, "commit", rival_first)
    assert shore.replay(table="ns.orders") == 0
    adds_up(stack, branch, 41, 0)


def test_a_plan_makes_no_branch(
    stack: LocalStack,
    nessie: NessieClient,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lake = Lake(tmp_path, {**stack.target_settings("not-there"), "namespace": "ns"})
    lake.contract(STRICT)
    log._said.clear()
    before = {r.name for r in nessie.references("")}
    assert plan.main(lake.words()[:2]) == 0
    lake.close()
    assert "stream orders into table ns.orders" in capsys.readouterr().out
    assert {r.name for r in nessie.references("")} == before
    assert json.loads((tmp_path / "config.json").read_text())["branch"] == "not-there"
