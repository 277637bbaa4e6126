"""Several writers on one Nessie: every row once, and nobody sees what is another tenant's."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from target_dativo_iceberg.nessie import Reference, ReferenceMissing
from tests.nessie.publish.landing import EACH, Landing, epochs
from tests.target.running import Child, Ended, record, schema, state

pytestmark = pytest.mark.nessie


def _feed_all(children: Sequence[Child], inputs: Sequence[list[bytes]]) -> list[Ended]:
    """Feed all at once, epoch by epoch, each after the STATE of the one before, and wait for all."""

    def feed(child: Child, pieces: list[bytes]) -> None:
        for number, piece in enumerate(pieces):
            child.feed_bytes(piece)
            child.until(lambda n=number: len(child.states) >= n, "the epoch's STATE")
        child.close()

    threads = [threading.Thread(target=feed, args=pair) for pair in zip(children, inputs, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [child.wait() for child in children]


@pytest.mark.parametrize("publish", ["commit", "branch"])
def test_writers_on_one_branch_all_land_each_row_once(landing: Landing, publish: str) -> None:
    """Each writes to a table of its own and to one that all share."""
    writers, rounds = 5, 3
    shared = ("shared", "also")
    inputs = [list(epochs((*shared, f"own{w}", f"more{w}"), w * 10_000 + 1, rounds)) for w in range(writers)]
    children = [landing.start(publish=publish, job_id=f"w{w}", epoch_max_mb=1) for w in range(writers)]
    ended = _feed_all(children, inputs)
    assert [e.code for e in ended] == [0] * writers, "\n".join(e.log for e in ended)
    assert [len(e.states) for e in ended] == [rounds] * writers
    wanted = [range(w * 10_000 + 1, w * 10_000 + 1 + rounds * EACH) for w in range(writers)]
    assert landing.ids("shared") == landing.ids("also") == [n for ids in wanted for n in ids]
    assert [landing.ids(f"own{w}") for w in range(writers)] == [list(ids) for ids in wanted]


def test_two_tenants_at_once_see_nothing_of_each_other(landing: Landing) -> None:
    before = landing.head("main")
    tenants = [f"{landing.branch}-acme", f"{landing.branch}-zeta"]
    children = [
        landing.start(branch=t, base_branch=landing.branch, job_id="same", epoch_max_mb=1, publish="branch")
        for t in tenants
    ]
    inputs = [list(epochs(streams, first, 3)) for streams, first in (("abcd", 1), ("abcde", 50_001))]
    ended = _feed_all(children, inputs)
    assert [e.code for e in ended] == [0, 0], "\n".join(e.log for e in ended)
    for tenant, first, streams in ((tenants[0], 1, "abcd"), (tenants[1], 50_001, "abcde")):
        assert sorted(landing.tables(tenant)) == list(streams)
        assert all(landing.ids(s, tenant) == list(range(first, first + 3 * EACH)) for s in streams)
    locations = [set(_files(landing, t)) for t in tenants]
    assert not locations[0] & locations[1]
    assert (landing.tables(), landing.head("main")) == ({}, before)


def _files(landing: Landing, branch: str) -> list[str]:
    return [
        row[0]
        for pointer in landing.tables(branch).values()
        for row in landing.reader.execute(f"SELECT file_path FROM iceberg_metadata('{pointer}')").fetchall()
    ]


def test_a_branch_deleted_during_the_run_is_an_error_and_is_not_made_anew(landing: Landing) -> None:
    child = landing.start(epoch_max_seconds=1)
    child.feed(schema(), record(1), state({"id": 1}))
    child.until(lambda: child.states, "the first STATE")
    landing.nessie.delete(landing.nessie.reference(landing.branch))
    child.feed(record(2), state({"id": 2}))
    ended = child.wait()
    assert (ended.code, ended.states) == (1, [{"id": 1}]), ended.log
    assert len(ended.errors) == 1
    assert "Traceback" not in ended.log
    with pytest.raises(ReferenceMissing):
        landing.head()


def test_a_branch_moved_back_during_the_run_ends_it(landing: Landing) -> None:
    """Someone makes the branch anew from an older commit: rows that were promised are gone."""
    empty = Reference("BRANCH", "main", landing.head())
    child = landing.start(epoch_max_seconds=1)
    child.feed(schema(), record(1), state({"id": 1}))
    child.until(lambda: child.states, "the first STATE")
    landing.nessie.delete(landing.nessie.reference(landing.branch))
    landing.nessie.create_branch(landing.branch, empty)
    child.feed(record(2), state({"id": 2}))
    ended = child.wait()
    assert (ended.code, ended.states) == (1, [{"id": 1}]), ended.log
    assert landing.tables() == {}
