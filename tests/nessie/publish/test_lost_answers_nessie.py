"""Between the target and its servers answers get lost, late or wrong: rows are there once, or the run says why not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.proxy import BLACK_HOLE, DROP_REPLY, LOSE_REPLY, REFUSE, Fault, first, proxying
from tests.nessie.publish.landing import Landing
from tests.target.running import Ended, record, schema, state

pytestmark = pytest.mark.nessie

STATUSES = (500, 502, 503, 504)
LANDED = {"reset": DROP_REPLY, "short": Fault(reply_bytes=9), "timeout": LOSE_REPLY} | {
    f"{s}": Fault(status=s) for s in STATUSES
}
LOST = {"reset": REFUSE, "timeout": BLACK_HOLE} | {f"{s}": Fault(forward=False, status=s) for s in STATUSES}
FAULTS = [
    pytest.param(fault, id=f"{kind}-{name}")
    for kind, faults in (("landed", LANDED), ("lost", LOST))
    for name, fault in faults.items()
]
LINES = [schema("a"), schema("b"), record(1, "a"), record(1, "b"), state({"id": 1})]


def _good(ended: Ended, landing: Landing) -> None:
    assert (ended.code, ended.states) == (0, [{"id": 1}]), ended.log
    assert (landing.ids("a"), landing.ids("b")) == ([1], [1])


@pytest.mark.parametrize("fault", FAULTS)
def test_a_commit_whose_answer_is_lost_is_there_once(landing: Landing, fault: Fault) -> None:
    before = landing.head()
    with proxying(landing.stack.nessie_uri, first(2, "POST", "/transactions/commit", fault)) as proxy:
        _good(landing.run(LINES, nessie_uri=proxy.uri, request_timeout_seconds=2), landing)
    assert proxy.struck
    assert len(landing.commits(before)) == 1


@pytest.mark.parametrize("fault", FAULTS)
def test_a_merge_whose_answer_is_lost_is_there_once(landing: Landing, fault: Fault) -> None:
    before = landing.head()
    settings = {"publish": "branch", "job_id": "merging", "request_timeout_seconds": 2}
    with proxying(landing.stack.nessie_uri, first(3, "POST", "/history/merge", fault)) as proxy:
        _good(landing.run(LINES, nessie_uri=proxy.uri, **settings), landing)
    assert proxy.struck
    assert len(landing.commits(before)) == 1


@pytest.mark.parametrize("fault", [DROP_REPLY, REFUSE, Fault(status=503), Fault(status=500)])
@pytest.mark.parametrize("call", ["POST .*trees[?]name=dativo-run", "DELETE .*dativo-run", "POST .*trees[?]name=test"])
def test_a_branch_whose_making_or_deleting_is_not_answered_does_no_harm(
    landing: Landing, call: str, fault: Fault
) -> None:
    method, path = call.split(" ")
    branch = f"{landing.branch}-new"
    with proxying(landing.stack.nessie_uri, first(1, method, path, fault)) as proxy:
        settings = {"publish": "branch", "branch": branch, "base_branch": landing.branch}
        ended = landing.run(LINES, nessie_uri=proxy.uri, **settings)
    assert (ended.code, proxy.struck) == (0, 1), ended.log
    assert (landing.ids("a", branch), landing.ids("b", branch)) == ([1], [1])


@pytest.mark.parametrize("path", ["/api/v2/trees/", "/v1/config", "/tables/a"])
@pytest.mark.parametrize("fault", [DROP_REPLY, Fault(forward=False, status=503)])
def test_a_short_burst_of_failed_reads_is_sat_out(landing: Landing, path: str, fault: Fault) -> None:
    with proxying(landing.stack.nessie_uri, first(2, "GET", path, fault)) as proxy:
        _good(landing.run(LINES, nessie_uri=proxy.uri), landing)
    assert proxy.struck == 2


@pytest.mark.parametrize("status", [401, 403])
def test_a_commit_that_is_not_allowed_is_not_tried_again(landing: Landing, status: int) -> None:
    refusing = first(1000, "POST", "/transactions/commit", Fault(forward=False, status=status))
    with proxying(landing.stack.nessie_uri, refusing) as proxy:
        ended = landing.run(LINES, nessie_uri=proxy.uri)
    assert (ended.code, ended.out, landing.tables(), proxy.struck) == (1, b"", {}, 1)
    assert ended.errors == [
        f"store_refused: publishing failed: the catalog refused ({status}): "
        "check its URI, branch and credentials, and what they may do (retryable: no)"
    ]


def test_answers_that_never_come_end_the_run_and_delete_no_file(landing: Landing) -> None:
    always: Any = first(1000, "POST", "/transactions/commit", Fault(forward=False, status=500))
    with proxying(landing.stack.nessie_uri, always) as proxy:
        ended = landing.run(LINES, nessie_uri=proxy.uri)
    assert (ended.code, ended.out, landing.tables()) == (1, b"", {})
    assert ended.errors == [
        "unknown_outcome: publishing failed: the catalog answered 500: check the catalog, then run again "
        "(retryable: yes)"
    ]
    again = landing.run(LINES)
    _good(again, landing)


def test_a_server_that_names_another_file_system_is_not_obeyed(landing: Landing) -> None:
    """Nessie from 0.100 on asks PyIceberg for a file system that the target does not bring."""
    body = (
        b'{"defaults":{"py-io-impl":"pyiceberg.io.fsspec.FsspecFileIO","prefix":"%s","warehouse":"%s"},"overrides":'
        b'{"py-io-impl":"pyiceberg.io.fsspec.FsspecFileIO","uri":"%s","s3.endpoint":"%s"}}'
    )
    with proxying(landing.stack.nessie_uri) as proxy:
        values = (
            landing.branch + "%7C" + landing.stack.nessie_warehouse,
            landing.stack.nessie_warehouse,
            f"{proxy.uri}/iceberg/",
            landing.stack.s3_endpoint,
        )
        answer = Fault(status=200, body=body % tuple(v.encode() for v in values))
        proxy.rule = first(1, "GET", "/v1/config", answer)
        _good(landing.run(LINES, nessie_uri=proxy.uri), landing)
        assert proxy.struck == 1
