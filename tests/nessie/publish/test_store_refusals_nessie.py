"""A store that takes no files is found out at the start of a run, before any row, by the setting that is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.proxy import Fault, first
from tests.nessie.publish.between import between, ended_with_one_line
from tests.nessie.publish.landing import Landing
from tests.target.running import Child, Ended, record, schema, state

pytestmark = pytest.mark.nessie

CANARY = "c4n4ry-v4lue"
# By the store's code: its status, what the message names, and whether the same run may end well later.
REFUSALS = {
    "AccessDenied": (403, "s3_access_key_id and s3_secret_access_key", False),
    "InvalidAccessKeyId": (403, "s3_access_key_id and s3_secret_access_key", False),
    "ExpiredToken": (400, "the key or token has expired", True),
    "RequestTimeTooSkewed": (403, "this machine's clock", True),
    "NoSuchBucket": (404, "'warehouse'", False),
    "PermanentRedirect": (301, "s3_region", False),
}


def _refusal(code: str) -> Fault:
    text = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{CANARY}</Message></Error>'
    return Fault(forward=False, status=REFUSALS[code][0], body=text.encode())


def _refused_at_schema(child: Child) -> Ended:
    """End of a run that got a SCHEMA and waits for more."""
    child.feed(schema())
    child.until(lambda: "ERROR" in child.log, "the refusal")
    ended = child.wait()
    ended_with_one_line(ended)
    assert ended.out == b""
    assert CANARY not in ended.log
    return ended


@pytest.mark.parametrize("code", REFUSALS)
def test_a_store_that_refuses_is_found_out_before_the_first_row(landing: Landing, code: str) -> None:
    with between(landing, lambda _: _refusal(code)) as way:
        ended = _refused_at_schema(landing.start(**way.settings))
        assert not any(".parquet" in r.path for r in way.s3.requests)
    _, named, retryable = REFUSALS[code]
    assert named in ended.errors[0]
    assert ended.errors[0].endswith(f"(retryable: {'yes' if retryable else 'no'})")
    assert landing.tables() == {}


@pytest.mark.parametrize("setting", ["s3_access_key_id", "s3_secret_access_key"])
def test_wrong_keys_are_found_out_before_the_first_row(landing: Landing, setting: str) -> None:
    settings: dict[str, Any] = {setting: CANARY}
    assert setting in _refused_at_schema(landing.start(**settings)).errors[0]
    assert landing.tables() == {}


def test_keys_that_expire_during_a_run_end_it_and_what_was_promised_stays(landing: Landing) -> None:
    with between(landing) as way:
        child = landing.start(epoch_max_seconds=1, **way.settings)
        child.feed(schema(), record(1), state({"id": 1}))
        child.until(lambda: child.states, "the first STATE")
        way.s3.rule = lambda _: _refusal("ExpiredToken")
        child.feed(record(2), state({"id": 2}))
        ended = child.wait()
    ended_with_one_line(ended)
    assert "s3_access_key_id" in ended.errors[0]
    assert "expired" in ended.errors[0]
    assert (ended.states, landing.ids("a")) == ([{"id": 1}], [1])


def test_a_check_leaves_nothing_behind_and_a_store_without_deletes_is_said(landing: Landing) -> None:
    ended = landing.run([schema(), record(1), state({"id": 1})])
    assert (ended.code, _checks(landing)) == (0, []), ended.log
    with between(landing, first(1, "DELETE", "dativo-check", Fault(forward=False, status=403))) as way:
        ended = landing.run([schema(), record(2), state({"id": 2})], **way.settings)
    assert (ended.code, landing.ids("a"), len(_checks(landing))) == (0, [1, 2], 1), ended.log
    assert "lets no file be deleted" in ended.log


def _checks(landing: Landing) -> list[Any]:
    (pointer,) = landing.tables().values()
    folder = pointer.rpartition("/metadata/")[0]
    return landing.reader.execute(f"SELECT * FROM glob('{folder}/data/dativo-check-*')").fetchall()
