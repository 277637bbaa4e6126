"""Publishing on a real Nessie: on the tenant's branch only, an epoch in one commit, readable by others."""

from __future__ import annotations

from pathlib import Path

import pytest

from target_dativo_iceberg.nessie import ReferenceMissing
from tests.faults.poller import watch
from tests.nessie.lake import OpenCatalog
from tests.nessie.publish.landing import Landing
from tests.target.running import record, schema, state

pytestmark = pytest.mark.nessie

ID = {"name": "id", "logicalType": "integer", "primaryKey": True, "primaryKeyPosition": 1, "required": True}
N32 = {"name": "n", "logicalType": "integer", "logicalTypeOptions": {"format": "i32"}}
N64 = {"name": "n", "logicalType": "integer"}
MORE = {"name": "more", "logicalType": "string"}


def test_rows_land_on_the_tenant_branch_only(landing: Landing) -> None:
    before = landing.head("main")
    ended = landing.run([schema(), record(1, s="x"), record(2), state({"id": 2})])
    assert (ended.code, ended.states) == (0, [{"id": 2}])
    assert landing.query("a", "id, s") == [(1, "x"), (2, None)]
    assert landing.head("main") == before
    assert landing.tables("main") == {}


def test_a_missing_branch_is_made_from_the_base_branch(landing: Landing) -> None:
    landing.run([schema(), record(1)])
    ended = landing.run([schema(), record(2)], branch=f"{landing.branch}-new", base_branch=landing.branch)
    assert ended.code == 0
    assert landing.ids("a", f"{landing.branch}-new") == [1, 2]
    assert landing.ids("a") == [1]


def test_a_missing_base_branch_is_refused_and_no_branch_is_made(landing: Landing) -> None:
    ended = landing.run([schema(), record(1)], branch=f"{landing.branch}-new", base_branch="nowhere")
    assert ended.code == 1
    assert "base branch 'nowhere' does not exist" in ended.errors[0]
    with pytest.raises(ReferenceMissing):
        landing.head(f"{landing.branch}-new")


def test_streams_and_quarantine_of_an_epoch_are_one_commit_that_says_what_it_is(landing: Landing) -> None:
    before = landing.head()
    contract = landing.contract("2.1.0", ID, N64 | {"required": True}, table="b")
    rows = [record(1, "a"), record(1, "b", n=1), record(2, "b", n=2), record(3, "b", n=None), state({"at": 1})]
    lines = [schema("a"), schema("b", n={"type": ["integer", "null"]}), *rows]
    ended = landing.run(lines, on_violation="quarantine", run_id="run-7", job_id="orders", contract_path=contract)
    assert ended.code == 0, ended.log
    (commit,) = landing.commits(before)
    assert sorted(path[-1] for path in commit.changed) == ["a", "b", "b__quarantine"]
    assert (landing.ids("a"), landing.ids("b"), len(landing.query("b__quarantine", "_seq"))) == ([1], [1, 2], 1)
    said = {k: v[0] for k, v in commit.commit_meta.all_properties.items()}
    assert said["dativo-run-id"] == "run-7"
    assert said["dativo-job-id"] == "orders"
    assert said["dativo-epoch"] == "1"
    assert (said["dativo-rows-in-b"], said["dativo-rows-written-b"], said["dativo-rows-quarantined-b"]) == (
        "3",
        "2",
        "1",
    )
    assert (said["dativo-contract-version-b"], said["dativo-tables"]) == ("2.1.0", "3")


def test_an_epoch_of_twenty_tables_is_one_commit_with_run_versions_and_counts(
    landing: Landing, open_catalog: OpenCatalog
) -> None:
    before = landing.head()
    names = [f"t{n:02}" for n in range(20)]
    contracts = [landing.contract(f"1.{n}.0", ID, table=name) for n, name in enumerate(names)]
    lines = [schema(name) for name in names]
    lines += [record(row, name) for n, name in enumerate(names) for row in range(n + 1)]
    lines += [record(0, names[7]) | {"record": {"id": "bad"}}, state({"done": 1})]
    settings = {"on_violation": "quarantine", "run_id": "run-20", "job_id": "wide"}
    ended = landing.run(lines, contract_path=str(Path(contracts[0]).parent), **settings)
    assert ended.code == 0, ended.log
    (commit,) = landing.commits(before)
    assert sorted(path[-1] for path in commit.changed) == sorted([*names, f"{names[7]}__quarantine"])
    said = {k: v[0] for k, v in commit.commit_meta.all_properties.items()}
    assert (said["dativo-run-id"], said["dativo-job-id"], said["dativo-epoch"]) == ("run-20", "wide", "1")
    assert said["dativo-tables"] == "21"
    catalog, in_log = open_catalog(landing.branch), 0
    for n, name in enumerate(names):
        snapshot = catalog.load_table(("ns", name)).current_snapshot()
        assert snapshot is not None
        assert snapshot.summary is not None
        bad = name == names[7]
        wanted = {
            "contract-version": f"1.{n}.0",
            "rows-in": str(n + 1 + bad),
            "rows-written": str(n + 1),
            "rows-quarantined": str(int(bad)),
        }
        whole = {f"dativo.{k}": v for k, v in (wanted | {"run-id": "run-20", "job-id": "wide", "epoch": "1"}).items()}
        summary = snapshot.summary.additional_properties
        assert {k: summary[k] for k in whole} == whole
        assert summary["added-records"] == str(n + 1)
        shown = {k: said[f"dativo-{k}-{name}"] for k in wanted if f"dativo-{k}-{name}" in said}
        assert shown in ({}, wanted)
        in_log += shown == wanted
    assert in_log >= 15  # as many as fit into a request's headers
    assert [len(landing.ids(name)) for name in names] == list(range(1, 21))


def test_any_number_of_tables_in_an_epoch_is_one_commit(landing: Landing) -> None:
    before = landing.head()
    names = [f"{n:x>180}" for n in range(60)]
    lines = [line for name in names for line in (schema(name), record(1, name))]
    ended = landing.run([*lines, state({"done": 1})])
    assert ended.code == 0, ended.log
    assert [len(c.changed) for c in landing.commits(before)] == [60]
    assert sorted(landing.tables()) == sorted(names)
    assert landing.ids(names[-1]) == [1]


@pytest.mark.parametrize("publish", ["commit", "branch"])
def test_a_reader_of_the_branch_never_sees_a_part_of_an_epoch(landing: Landing, publish: str) -> None:
    """Six interleaved streams; `make faults` has two million rows."""
    poller, epochs = watch(landing, 10_000 if publish == "commit" else 5_000, publish)
    assert 1 < len(poller.seen) <= epochs + 1
    assert poller.polls >= len(poller.seen)


@pytest.mark.parametrize("publish", ["commit", "branch"])
def test_an_added_and_a_widened_column_are_one_commit_with_their_rows(landing: Landing, publish: str) -> None:
    before = landing.head()
    lines = [schema(n={"type": "integer"}, more={"type": "string"}), record(1, n=1, more="new")]
    for version, properties in (("1.0.0", [ID, N32]), ("1.1.0", [ID, N64, MORE])):
        contract = landing.contract(version, *properties)
        ended = landing.run(lines, publish=publish, contract_path=contract)
        assert ended.code == 0, ended.log
    assert len(landing.commits(before)) == 2
    assert landing.query("a", "id, n, more, typeof(n)") == [(1, 1, "new", "BIGINT"), (1, 1, None, "BIGINT")]
