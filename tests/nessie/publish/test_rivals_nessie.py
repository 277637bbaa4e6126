"""Several writers on one Nessie: every row once, and nobody sees what is another tenant's."""

from __future__ import annotations

import pytest

from tests.faults.proxy import proxying
from tests.faults.rivals import feed_all, race
from tests.nessie.publish.between import ended_with_one_line
from tests.nessie.publish.landing import EACH, Landing, epochs
from tests.target.running import record, schema, state

pytestmark = pytest.mark.nessie


@pytest.mark.timeout(300)
@pytest.mark.parametrize("publish", ["commit", "branch"])
def test_writers_on_one_branch_all_land_each_row_once(landing: Landing, publish: str) -> None:
    """Each writes to a table of its own and to those that all share; `make faults` has ten epochs of eight writers."""
    race(landing, 5, 3, publish)


@pytest.mark.parametrize("publish", ["commit", "branch"])
@pytest.mark.parametrize("first_load", [True, False])
def test_the_same_job_started_twice_at_once_publishes_once(landing: Landing, publish: str, first_load: bool) -> None:
    """Both have looked at the table before either publishes."""
    settings = {"job_id": "twin", "publish": publish}
    wanted = [1]
    if not first_load:
        assert landing.run([schema(), record(0), state({"id": 0})], **settings).code == 0
        wanted = [0, 1]
    look = ("POST", "/tables") if first_load else ("GET", "/tables/a")
    with proxying(landing.stack.nessie_uri) as proxy:
        twins = [landing.start(nessie_uri=proxy.uri, **settings) for _ in range(2)]
        for twin in twins:
            twin.feed(schema(), record(1), state({"id": 1}))

        def looked() -> bool:
            found = [r for r in list(proxy.requests) if r.method == look[0] and r.path.endswith(look[1])]
            return len(found) == 2 and proxy.answered == len(proxy.requests)

        twins[0].until(looked, "both look at the table")
        for twin in twins:
            twin.close()
        ended = sorted((twin.wait() for twin in twins), key=lambda e: e.code)
    assert [e.code for e in ended] == [0, 1], "\n".join(e.log for e in ended)
    assert (ended[0].states, ended[1].states) == ([{"id": 1}], [])
    ended_with_one_line(ended[1])
    assert "another run of job 'twin'" in ended[1].errors[0]
    assert landing.ids("a") == wanted


def test_two_tenants_at_once_see_nothing_of_each_other(landing: Landing) -> None:
    before, begun = landing.head("main"), landing.head()
    tenants = [f"{landing.branch}-acme", f"{landing.branch}-zeta"]
    children = [
        landing.start(
            branch=t, base_branch=landing.branch, run_id=f"run-of-{t}", job_id="same", epoch_max_mb=1, publish="branch"
        )
        for t in tenants
    ]
    inputs = [list(epochs(streams, first, 3)) for streams, first in (("abcd", 1), ("abcde", 50_001))]
    ended = feed_all(children, inputs)
    assert [e.code for e in ended] == [0, 0], "\n".join(e.log for e in ended)
    for tenant, first, streams in ((tenants[0], 1, "abcd"), (tenants[1], 50_001, "abcde")):
        assert sorted(landing.tables(tenant)) == list(streams)
        assert all(landing.ids(s, tenant) == list(range(first, first + 3 * EACH)) for s in streams)
    locations = [_files(landing, t) for t in tenants]
    assert all(locations)
    assert not locations[0] & locations[1]
    for tenant, other in (tenants, tenants[::-1]):
        said = [*_metadata(landing, tenant), *(str(c.commit_meta) for c in landing.commits(begun, tenant))]
        assert any(f"run-of-{tenant}" in text for text in said)
        assert not any(f"run-of-{other}" in text for text in said)
    assert landing.branches("dativo-run.same") == []
    assert (landing.tables(), landing.head("main")) == ({}, before)


def _files(landing: Landing, branch: str) -> set[str]:
    """Every file that a branch's tables refer to: metadata, manifests, data."""
    found = set(landing.tables(branch).values())
    for pointer in landing.tables(branch).values():
        query = f"SELECT manifest_path, file_path FROM iceberg_metadata('{pointer}')"
        found.update(path for row in landing.reader.execute(query).fetchall() for path in row)
    return found


def _metadata(landing: Landing, branch: str) -> list[str]:
    """Metadata files of a branch's tables, as text: schemas, properties, checkpoints, summaries."""
    texts = (landing.reader.execute(f"SELECT content FROM read_text('{p}')") for p in landing.tables(branch).values())
    return [row[0] for text in texts for row in text.fetchall()]
