"""The branch or a table is taken away during a run: the run ends, and nothing is made again in its place."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from target_dativo_iceberg.nessie import Reference, ReferenceMissing
from tests.faults.proxy import proxying
from tests.nessie.lake import catalog_of
from tests.nessie.publish.between import ended_with_one_line
from tests.nessie.publish.landing import NAMESPACE, Landing
from tests.target.running import record, schema, state

pytestmark = pytest.mark.nessie


def _deleted(landing: Landing, _: Reference) -> None:
    landing.nessie.delete(landing.nessie.reference(landing.branch))


def _moved_back(landing: Landing, empty: Reference) -> None:
    """Someone makes the branch anew from an older commit: rows that were promised are gone."""
    _deleted(landing, empty)
    landing.nessie.create_branch(landing.branch, empty)


def _made_a_tag(landing: Landing, _: Reference) -> None:
    now = landing.nessie.reference(landing.branch)
    kept = landing.nessie.create_branch(f"{landing.branch}-kept", now)
    landing.nessie.delete(now)
    landing.nessie.create_tag(landing.branch, kept)


def _found(landing: Landing) -> Reference | None:
    try:
        return landing.nessie.reference(landing.branch)
    except ReferenceMissing:
        return None


@pytest.mark.parametrize("publish", ["commit", "branch"])
@pytest.mark.parametrize("take_away", [_deleted, _moved_back, _made_a_tag])
def test_a_branch_that_is_taken_away_ends_the_run_and_stays_as_it_is(
    landing: Landing, publish: str, take_away: Callable[[Landing, Reference], None]
) -> None:
    empty = landing.nessie.reference(landing.branch)
    job = f"robbed-{landing.branch[-12:]}"
    child = landing.start(epoch_max_seconds=1, publish=publish, job_id=job)
    child.feed(schema(), record(1), state({"id": 1}))
    child.until(lambda: child.states, "the first STATE")
    take_away(landing, Reference("BRANCH", "main", empty.hash))
    before = _found(landing)
    child.feed(record(2), state({"id": 2}))
    ended = child.wait()
    ended_with_one_line(ended)
    assert ended.states == [{"id": 1}]
    assert _found(landing) == before
    assert landing.branches(f"dativo-run.{job}") == []


@pytest.mark.parametrize("publish", ["commit", "branch"])
@pytest.mark.parametrize("when", ["in an epoch", "between epochs"])
def test_a_table_that_is_dropped_and_made_anew_ends_the_run(landing: Landing, publish: str, when: str) -> None:
    with proxying(landing.stack.nessie_uri) as proxy:
        job = f"anew-{landing.branch[-12:]}"
        child = landing.start(epoch_max_seconds=1, publish=publish, job_id=job, nessie_uri=proxy.uri)
        child.feed(schema(), record(1), state({"id": 1}))
        child.until(lambda: child.states, "the first STATE")
        known = len(proxy.requests)

        def looked() -> bool:
            new = list(proxy.requests[known:])
            return any(r.path.endswith("/tables/a") for r in new) and proxy.answered == known + len(new)

        if when == "in an epoch":
            child.feed(record(2))
            child.until(looked, "a look at the table")
        catalog = catalog_of(landing.stack, landing.branch)
        columns = catalog.load_table((NAMESPACE, "a")).schema()
        catalog.drop_table((NAMESPACE, "a"))
        anew = catalog.create_table((NAMESPACE, "a"), columns).metadata.table_uuid
        child.feed(record(2), state({"id": 2}))
        ended = child.wait()
    ended_with_one_line(ended)
    assert "made anew" in ended.errors[0]
    assert ended.states == [{"id": 1}]
    assert landing.branches(f"dativo-run.{job}") == []
    table = catalog.load_table((NAMESPACE, "a"))
    assert (table.metadata.table_uuid, table.scan().to_arrow().num_rows) == (anew, 0)
