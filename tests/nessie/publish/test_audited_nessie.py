"""Publisher `branch`: the tenant's branch sees only what passed its audit, and no branch stays without a reason."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from target_dativo_iceberg import audited
from target_dativo_iceberg.contract.model import Contract, Field, Kind, Type
from target_dativo_iceberg.errors import StoreError, ViolationError
from target_dativo_iceberg.files import FileWriter
from target_dativo_iceberg.nessie import NessieClient, OutcomeUnknown, Reference
from target_dativo_iceberg.publish import Checkpoint, TableChange, publish
from target_dativo_iceberg.settings import Settings, parse
from target_dativo_iceberg.tables import Store, open_store
from tests.nessie.lake import OpenCatalog
from tests.nessie.publish.landing import NAMESPACE, Landing, epochs
from tests.target.running import record, schema, state

pytestmark = pytest.mark.nessie

ORDERS = Contract("orders", (Field("id", Type(Kind.INTEGER), required=True),), primary_key=("id",), inferred=True)
POINT = Checkpoint(job="nightly", run_id="r1", epoch=1, state="s1", previous="", at=1_700_000_000)
PASSES: Callable[[Store], list[str]] = lambda _: []  # noqa: E731 - an audit


def _settings(landing: Landing, **more: Any) -> Settings:
    return parse(landing.settings(publish="branch", job_id="nightly", **more))


def _change(store: Store, *ids: int) -> TableChange:
    destination = store.destination((NAMESPACE, "orders"), ORDERS, None)
    writer = FileWriter(store.file_target(destination, "test"))
    if ids:
        writer.write([pa.RecordBatch.from_pydict({"id": list(ids)}, pa.schema([("id", pa.int64())]))])
    return TableChange(destination, writer.finish())


def _loaded(landing: Landing, *ids: int) -> tuple[Settings, Store]:
    settings = _settings(landing)
    store = open_store(settings)
    publish(store, [_change(store, *ids)], replace(POINT, job="first"))
    return settings, store


def _left(landing: Landing) -> list[str]:
    owner = audited._owner(landing.branch, "nightly")
    return [n for n in landing.branches("dativo-") if f".{owner}." in n]


def test_several_epochs_through_branches_leave_only_the_tenants(landing: Landing) -> None:
    before = landing.head()
    ended = landing.run(epochs("ab", 1, 3), publish="branch", job_id="several", epoch_max_mb=1)
    assert ended.code == 0, ended.log
    assert landing.ids("a") == landing.ids("b") == list(range(1, 601))
    commits = landing.commits(before)
    assert len(commits) == ended.report["epochs"]
    assert (ended.report["where"]["branch"], ended.report["where"]["hash"]) == (landing.branch, landing.head())
    assert all("dativo-run-id" in c.commit_meta.all_properties for c in commits)
    assert landing.branches("dativo-run.several") == []


def test_a_failed_audit_keeps_a_marked_branch_and_the_tenant_never_saw_the_rows(
    landing: Landing, open_catalog: OpenCatalog
) -> None:
    settings, store = _loaded(landing, 1)
    before = landing.head()
    with pytest.raises(ViolationError, match="ids are odd") as caught:
        audited.publish_audited(store, settings, [_change(store, 2, 3)], POINT, lambda _: ["ids are odd"])
    assert (landing.head(), landing.ids("orders")) == (before, [1])
    (kept,) = _left(landing)
    assert f"'{kept}'" in str(caught.value)
    assert landing.ids("orders", kept) == [1, 2, 3]
    note = json.loads(open_catalog(kept).load_table((NAMESPACE, "orders")).properties["dativo.audit"])
    assert (note["failed"], note["owner"], note["reasons"]) == (True, "nightly", ["ids are odd"])
    expiry = datetime.fromisoformat(note["expires"])
    assert timedelta(days=6) < expiry - datetime.now(UTC) < timedelta(days=8)
    assert re.search(rf"\.{expiry:%Y%m%dT%H%M%SZ}\.", kept)


def test_a_rival_on_the_same_table_is_followed_by_a_fresh_branch_with_the_same_files(landing: Landing) -> None:
    settings, store = _loaded(landing, 1)
    change = _change(store, 2)
    written = len(_data_files(landing))
    rivals = iter([8, 9])

    def rival_comes(_: Store) -> list[str]:
        other = open_store(settings)
        for number in itertools.islice(rivals, 1):
            publish(other, [_change(other, number)], replace(POINT, job="rival", epoch=number))
        return []

    audited.publish_audited(store, settings, [change], POINT, rival_comes)
    assert landing.ids("orders") == [1, 2, 8, 9]
    assert len(_data_files(landing)) == written + 2
    assert _left(landing) == []


def _data_files(landing: Landing) -> Sequence[Any]:
    pattern = f"s3://{landing.stack.bucket}/{NAMESPACE}/**/data/*.parquet"
    return landing.reader.execute(f"SELECT * FROM glob('{pattern}')").fetchall()


def test_a_rival_on_another_table_is_no_conflict(landing: Landing) -> None:
    settings, store = _loaded(landing, 1)
    heads = []

    def rival_comes(_: Store) -> list[str]:
        heads.append(landing.head())
        landing.run([schema("other"), record(1, "other")])
        return []

    audited.publish_audited(store, settings, [_change(store, 2)], POINT, rival_comes)
    assert (landing.ids("orders"), landing.ids("other"), len(heads)) == ([1, 2], [1], 1)


@pytest.mark.parametrize("landed", [True, False])
def test_merges_without_an_answer_are_looked_up_and_never_doubled(
    landing: Landing, monkeypatch: pytest.MonkeyPatch, landed: bool
) -> None:
    settings, store = _loaded(landing, 1)
    real = NessieClient.merge
    lost = iter(range(3))

    def no_answer(self: NessieClient, source: Reference, into: Reference, **options: Any) -> Any:
        if next(lost, None) is None:
            return real(self, source, into, **options)
        if landed:
            real(self, source, into, **options)
        raise OutcomeUnknown("no answer")

    monkeypatch.setattr(NessieClient, "merge", no_answer)
    audited.publish_audited(store, settings, [_change(store, 2)], POINT, PASSES)
    assert landing.ids("orders") == [1, 2]


def test_the_same_job_started_twice_publishes_once(landing: Landing) -> None:
    settings, store = _loaded(landing, 0)
    other = open_store(settings)
    one, two = _change(store, 1), _change(other, 1)
    audited.publish_audited(store, settings, [one], POINT, PASSES)
    with pytest.raises(StoreError, match="another run of job 'nightly'"):
        audited.publish_audited(other, settings, [two], replace(POINT, run_id="r2"), PASSES)
    assert landing.ids("orders") == [0, 1]


def test_fifty_stale_branches_of_this_job_are_swept_and_no_others(landing: Landing) -> None:
    job = f"nightly-{landing.branch[-12:]}"
    mine, other = (audited._owner(landing.branch, j) for j in (job, job + "-2"))
    elsewhere = audited._owner("another-branch", job)
    now = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    later = f"{datetime.now(UTC) + timedelta(days=1):%Y%m%dT%H%M%SZ}"
    old = "20200101T000000Z"
    stale = {f"dativo-run.{mine}.{old}.{n}.aaaaaaaax" for n in range(49)}
    stale |= {f"dativo-failed-audit.{mine}.{old}.{old}.1.aaaaaaaax"}
    fresh = {
        f"dativo-run.{mine}.{now}.1.aaaaaaaax",
        f"dativo-failed-audit.{mine}.{later}.{now}.1.aaaaaaaax",
        *(f"dativo-run.{who}.{old}.1.aaaaaaaax" for who in (other, elsewhere)),
        f"dativo-failed-audit.{other}.{old}.{old}.1.aaaaaaaax",
        f"dativo-run.{mine}.made-by-hand",
    }
    head = landing.nessie.reference(landing.branch)
    for name in stale | fresh:
        landing.nessie.create_branch(name, head)
    ended = landing.run([schema(), record(1), state({"id": 1})], publish="branch", job_id=job)
    assert ended.code == 0, ended.log
    assert landing.ids("a") == [1]
    assert {n for n in landing.branches("dativo-") if job in n} == fresh
    assert all(name in ended.log for name in stale)


def test_a_check_of_scope_table_is_the_audit(landing: Landing) -> None:
    check = {
        "id": "few",
        "metric": "rowCount",
        "mustBeLessThan": 3,
        "customProperties": [{"property": "dativo.scope", "value": "table"}],
    }
    contract = landing.contract("1.0.0", {"name": "id", "logicalType": "integer"}, quality=[check])
    settings = {"publish": "branch", "job_id": "nightly", "contract_path": contract}
    assert landing.run([schema("a"), record(1), record(2)], **settings).code == 0
    ended = landing.run([schema("a"), record(3)], **settings)
    assert ended.code == 1
    assert "the audit failed: stream 'a': quality check 'few' failed: measured 3" in ended.errors[0]
    assert landing.ids("a") == [1, 2]
    assert len(_left(landing)) == 1
