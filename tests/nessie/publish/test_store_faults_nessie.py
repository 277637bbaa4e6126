"""S3 under Nessie fails, breaks off and falls silent: a call is made again, or the run fails whole; nothing is torn."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.proxy import BLACK_HOLE, DROP_REPLY, REFUSE, Fault, first
from tests.nessie.publish.between import between, ended_with_one_line
from tests.nessie.publish.landing import Landing
from tests.target.running import record, schema, state

pytestmark = pytest.mark.nessie

SLOW_DOWN = (
    b'<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>'
)
REFUSALS = {
    "slow down": Fault(forward=False, status=503, body=SLOW_DOWN),
    "internal error": Fault(forward=False, status=500),
    "reset": REFUSE,
}
# The calls that write one file, and those that read the list of manifests.
CALLS = {
    "begin": ("POST", "[.]parquet[?]uploads"),
    "part": ("PUT", "[.]parquet[?]partNumber"),
    "end": ("POST", "[.]parquet[?]uploadId"),
    "look": ("HEAD", "[.]avro"),
    "read": ("GET", "snap-.*[.]avro"),
}
ONE = [schema(), record(1), state({"id": 1})]
TWO = [schema(), record(2), state({"id": 2})]
BROKEN = {
    "answer lost": DROP_REPLY,
    "answer cut": Fault(reply_bytes=200),
    "upload broken off": Fault(request_bytes=300),
}


@pytest.mark.parametrize("fault", REFUSALS.values(), ids=REFUSALS)
def test_short_bursts_of_refusals_are_sat_out(landing: Landing, fault: Fault) -> None:
    assert landing.run(ONE).code == 0
    bursts = [first(2, *call, fault) for call in CALLS.values()]
    with between(landing, lambda request: next(filter(None, (burst(request) for burst in bursts)), None)) as way:
        ended = landing.run(TWO, **way.settings)
    assert (ended.code, ended.states, way.s3.struck) == (0, [{"id": 2}], 2 * len(CALLS)), ended.log
    assert landing.ids("a") == [1, 2]


@pytest.mark.parametrize("fault", BROKEN.values(), ids=BROKEN)
def test_a_call_that_breaks_off_tears_nothing_and_no_referenced_file_is_written_again(
    landing: Landing, fault: Fault
) -> None:
    """Whole rows, or a failure and none. Runs of one id, whose uploads are repeated or given up, take new names."""
    settings: dict[str, Any] = {"run_id": "again", "job_id": "again"}
    assert landing.run(ONE, **settings).code == 0
    wanted, referenced = [1], _objects(landing)
    for call in CALLS.values():
        with between(landing, first(1, *call, fault)) as way:
            ended = landing.run(TWO, **settings, **way.settings)
        assert way.s3.struck == 1
        assert way.written()
        assert not way.written() & referenced
        if ended.code:
            ended_with_one_line(ended)
            assert ended.states == []
        else:
            assert ended.states == [{"id": 2}]
            wanted.append(2)
        assert landing.ids("a") == wanted
        referenced |= _objects(landing)
    assert len(wanted) > 2


@pytest.mark.parametrize(
    ("fault", "publish"),
    [
        pytest.param(REFUSALS["slow down"], "commit", id="slow down"),
        pytest.param(REFUSE, "branch", id="reset"),
        pytest.param(BLACK_HOLE, "branch", id="silence"),
    ],
)
def test_a_store_that_stays_away_ends_the_run_and_the_next_one_resumes(
    landing: Landing, fault: Fault, publish: str
) -> None:
    with between(landing) as way:
        child = landing.start(epoch_max_seconds=1, publish=publish, job_id="away", **way.settings)
        child.feed(*ONE)
        child.until(lambda: child.states, "the first STATE")
        way.s3.rule = lambda _: fault
        child.feed(*TWO)
        ended = child.wait()
    ended_with_one_line(ended)
    assert ended.states == [{"id": 1}]
    assert landing.ids("a") == [1]
    again = landing.run(TWO, publish=publish, job_id="away")
    assert (again.code, again.states, landing.ids("a")) == (0, [{"id": 2}], [1, 2])


def _objects(landing: Landing) -> set[str]:
    """Paths, with the bucket, of the metadata, manifests and data that the table refers to."""
    (pointer,) = landing.tables().values()
    rows = landing.reader.execute(f"SELECT manifest_path, file_path FROM iceberg_metadata('{pointer}')").fetchall()
    return {path.removeprefix("s3:/") for path in (pointer, *(p for row in rows for p in row))}
