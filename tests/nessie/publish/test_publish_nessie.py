"""Publishing on a real Nessie: on the tenant's branch only, an epoch in one commit, readable by others."""

from __future__ import annotations

import pytest

from target_dativo_iceberg.nessie import ReferenceMissing
from tests.nessie.publish.landing import EACH, Landing, epochs
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


@pytest.mark.parametrize(("count", "length"), [(20, 8), (60, 180)])
def test_any_number_of_tables_in_an_epoch_is_one_commit(landing: Landing, count: int, length: int) -> None:
    before = landing.head()
    names = [f"{n:x>{length}}" for n in range(count)]
    lines = [line for name in names for line in (schema(name), record(1, name))]
    ended = landing.run([*lines, state({"done": 1})])
    assert ended.code == 0, ended.log
    assert [len(c.changed) for c in landing.commits(before)] == [count]
    assert sorted(landing.tables()) == sorted(names)
    assert landing.ids(names[-1]) == [1]


def test_a_reader_of_the_branch_never_sees_a_part_of_an_epoch(landing: Landing) -> None:
    streams, rounds = list("abcdef"), 6
    seen: set[int] = set()
    child = landing.start(epoch_max_mb=1)

    def look() -> int:
        tables = landing.tables()
        found = {
            landing.reader.execute(f"SELECT count(*), coalesce(max(id), 0) FROM iceberg_scan('{tables[s]}')").fetchone()
            if s in tables
            else (0, 0)
            for s in streams
        }
        assert len(found) == 1
        rows, highest = found.pop() or (0, 0)
        assert rows == highest
        assert rows % EACH == 0
        seen.add(rows)
        return int(rows)

    for number, piece in enumerate(epochs(streams, 1, rounds)):
        child.feed_bytes(piece)
        child.until(lambda n=number: len(child.states) >= n or look() < 0, "the epoch's STATE")
        look()
    ended = child.wait()
    look()
    assert ended.code == 0, ended.log
    assert len(ended.states) == rounds
    assert len(seen) > rounds


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
