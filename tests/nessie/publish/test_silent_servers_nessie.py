"""Servers that hang, die or refuse: the run ends, says which setting or server it is, and the next one resumes."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dativo_ingest.stack import LocalStack
from target_dativo_iceberg.nessie import NessieClient
from tests.faults.proxy import DROP_REPLY, REFUSE, Fault, first, proxying
from tests.nessie.lake import catalog_of
from tests.nessie.publish.between import ended_with_one_line
from tests.nessie.publish.landing import Landing, duckdb_on
from tests.target.running import Ended, Server, record, schema, state

pytestmark = pytest.mark.nessie

NO_BUCKET = b'<?xml version="1.0"?><Error><Code>NoSuchBucket</Code><Message>gone</Message></Error>'
CANARY = "c4n4ry-v4lue"


# ---- frozen and killed ----


@contextmanager
def _frozen(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("publish", ["commit", "branch"])
@pytest.mark.parametrize("server", ["nessie", "s3"])
def test_a_frozen_server_ends_the_run_and_the_next_one_resumes(landing: Landing, server: str, publish: str) -> None:
    child = landing.start(epoch_max_seconds=1, request_timeout_seconds=1, publish=publish)
    child.feed(schema(), record(1), state({"id": 1}))
    child.until(lambda: child.states, "the first STATE")
    with _frozen(landing.stack.processes[server].process.pid):
        child.feed(record(2), state({"id": 2}))
        ended = child.wait()
    ended_with_one_line(ended)
    assert ended.states == [{"id": 1}]
    again = landing.run([schema(), record(2), state({"id": 2})])
    assert (again.code, again.states) == (0, [{"id": 2}])
    assert landing.ids("a") in ([1, 2], [1, 2, 2])


@pytest.fixture
def durable(warm: Server, tmp_path: Path) -> Iterator[Landing]:
    """A stack of its own that keeps its data over a crash."""
    with LocalStack.start(tmp_path / "stack", durable=True) as stack, NessieClient(stack.nessie_uri) as nessie:
        catalog_of(stack, "main").create_namespace("ns")
        folder = tmp_path / "runs"
        folder.mkdir()
        with duckdb_on(stack) as reader:
            yield Landing(warm, stack, nessie, reader, folder, "acme")
        for name in stack.processes:
            if stack.condition(name) != "down":
                os.kill(stack.processes[name].process.pid, signal.SIGKILL)


@pytest.mark.timeout(240)  # five starts of servers
def test_servers_killed_during_a_run_keep_what_was_promised(durable: Landing, tmp_path: Path) -> None:
    child = durable.start(epoch_max_seconds=1)
    child.feed(schema(), record(1), state({"id": 1}))
    child.until(lambda: child.states, "the first STATE")
    durable.stack.kill_nessie()
    child.feed(record(2), state({"id": 2}))
    ended = child.wait()
    ended_with_one_line(ended)
    assert ended.states == [{"id": 1}]
    durable.stack.restart_nessie()
    assert durable.ids("a") == [1]

    child = durable.start(epoch_max_seconds=1, request_timeout_seconds=2)
    child.feed(schema(), record(2), state({"id": 2}))
    child.until(lambda: child.states, "the next STATE")
    durable.stack.kill_s3()
    durable.stack.restart_s3()
    child.feed(record(3), state({"id": 3}))
    child.until(lambda: len(child.states) > 1, "the STATE after the store's restart")
    durable.stack.kill_s3()
    child.feed(record(4), state({"id": 4}))
    ended = child.wait()
    ended_with_one_line(ended)
    assert ended.states == [{"id": 2}, {"id": 3}]
    durable.stack.stop()
    with LocalStack.start(tmp_path / "stack") as again, duckdb_on(again) as reader:
        after = Landing(durable.server, again, durable.nessie, reader, tmp_path, "acme")
        assert after.ids("a") == [1, 2, 3]
        assert after.run([schema(), record(4), state({"id": 4})]).code == 0
        assert after.ids("a") == [1, 2, 3, 4]
        again.kill_s3()  # weed takes its time to end otherwise


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9/api/v2", "http://nessie.invalid/api/v2"])
def test_a_server_that_is_not_there_ends_the_run(landing: Landing, uri: str) -> None:
    ended = landing.run([schema(), record(1), state({"id": 1})], nessie_uri=uri)
    ended_with_one_line(ended)
    assert (ended.out, "check the Nessie server" in ended.errors[0]) == (b"", True)


# ---- wrong settings ----


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"s3_secret_access_key": CANARY}, "s3_secret_access_key"),
        ({"s3_access_key_id": CANARY}, "s3_access_key_id"),
        ({"nessie_warehouse": CANARY}, "nessie_warehouse"),
    ],
)
def test_a_wrong_setting_is_named_and_nothing_is_claimed(
    landing: Landing, settings: dict[str, str], named: str
) -> None:
    ended = landing.run([schema(), record(1), state({"id": 1})], **settings)
    _refused(ended, named)
    assert landing.tables() == {}


def test_wrong_tokens_are_named_by_their_settings(landing: Landing) -> None:
    def guarded(request: Any) -> Fault | None:
        return None if request.headers.get("authorization") == "Bearer right" else Fault(forward=False, status=401)

    lines = [schema(), record(1), state({"id": 1})]
    with proxying(landing.stack.nessie_uri, guarded) as proxy:
        _refused(landing.run(lines, nessie_uri=proxy.uri, nessie_token=CANARY), "nessie_token")
        oauth = {
            "nessie_oauth_client_id": "me",
            "nessie_oauth_client_secret": CANARY,
            "nessie_oauth_token_uri": f"{proxy.uri}/token",
        }
        _refused(landing.run(lines, nessie_uri=proxy.uri, **oauth), "nessie_oauth_")
        assert landing.tables() == {}
        ended = landing.run(lines, nessie_uri=proxy.uri, nessie_token="right")
    assert (ended.code, landing.ids("a")) == (0, [1]), ended.log


@pytest.mark.parametrize("publish", ["commit", "branch"])
def test_an_oauth_client_gets_in_on_both_of_nessies_interfaces(landing: Landing, publish: str) -> None:
    token = b'{"access_token": "right", "token_type": "bearer", "expires_in": 3600}'

    def guarded(request: Any) -> Fault | None:
        if request.path == "/token":
            return Fault(forward=False, status=200, body=token)
        return None if request.headers.get("authorization") == "Bearer right" else Fault(forward=False, status=401)

    with proxying(landing.stack.nessie_uri, guarded) as proxy:
        oauth = {
            "nessie_oauth_client_id": "me",
            "nessie_oauth_client_secret": CANARY,
            "nessie_oauth_token_uri": f"{proxy.uri}/token",
        }
        ended = landing.run([schema(), record(1)], nessie_uri=proxy.uri, publish=publish, **oauth)
    assert (ended.code, landing.ids("a")) == (0, [1]), ended.log
    assert CANARY not in ended.log


def _refused(ended: Ended, named: str) -> None:
    ended_with_one_line(ended)
    assert ended.out == b""
    assert named in ended.errors[0]
    assert CANARY not in ended.log


# ---- an S3 store behind a SQL catalog ----


@pytest.fixture
def s3(landing: Landing, tmp_path: Path) -> dict[str, Any]:
    """Settings of a warehouse on S3 whose catalog is a file."""
    settings = landing.settings(warehouse=f"s3://{landing.stack.bucket}/{landing.branch}")
    settings["catalog"] = {"type": "sql", "uri": f"sqlite:///{tmp_path / 'catalog.db'}"}
    return {k: v for k, v in settings.items() if k not in ("nessie_uri", "nessie_warehouse", "branch")}


def _s3_ids(reader: duckdb.DuckDBPyConnection, tmp_path: Path) -> list[int]:
    import sqlite3

    with sqlite3.connect(tmp_path / "catalog.db") as con:
        pointers = con.execute("SELECT metadata_location FROM iceberg_tables").fetchall()
    con.close()
    return [
        r[0] for (p,) in pointers for r in reader.execute(f"SELECT id FROM iceberg_scan('{p}') ORDER BY id").fetchall()
    ]


FAULTS = {
    "slow down": Fault(forward=False, status=503),
    "internal error": Fault(forward=False, status=500),
    "reset": REFUSE,
    "answer lost": DROP_REPLY,
    "answer cut": Fault(reply_bytes=30),
}


@pytest.mark.parametrize("method", ["PUT", "GET", "HEAD"])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_store_that_fails_a_call_is_asked_again_or_the_run_fails_whole(
    landing: Landing, s3: dict[str, Any], tmp_path: Path, method: str, fault: Fault
) -> None:
    lines = [schema(), record(1), state({"id": 1})]
    assert landing.target.run(lines, **s3).code == 0
    with proxying(landing.stack.s3_endpoint, first(1, method, "", fault)) as proxy:
        ended = landing.target.run([schema(), record(2), state({"id": 2})], **s3 | {"s3_endpoint": proxy.uri})
    assert proxy.struck == 1
    assert ended.code in (0, 1), ended.log
    assert _s3_ids(landing.reader, tmp_path) == ([1, 2] if ended.code == 0 else [1])
    assert (ended.states == [{"id": 2}]) is (ended.code == 0)


def test_a_wrong_bucket_or_endpoint_is_named(landing: Landing, s3: dict[str, Any]) -> None:
    def no_bucket(request: Any) -> Fault | None:
        return Fault(status=404, body=NO_BUCKET) if re.match("PUT|POST", request.method) else None

    lines = [schema(), record(1), state({"id": 1})]
    with proxying(landing.stack.s3_endpoint, no_bucket) as proxy:
        ended = landing.target.run(lines, **s3 | {"s3_endpoint": proxy.uri})
    _refused(ended, "'warehouse'")
    _refused(landing.target.run(lines, **s3 | {"s3_endpoint": proxy.uri}), "s3_endpoint")
    _refused(landing.target.run(lines, **s3 | {"s3_secret_access_key": CANARY}), "s3_secret_access_key")
