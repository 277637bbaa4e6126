"""Tasks on their way to other machines: without secrets, and they mean there what they mean here."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from target_dativo_iceberg import errors
from target_dativo_iceberg.catalogs import catalog_properties
from target_dativo_iceberg.contract import load
from target_dativo_iceberg.envelope import BatchFiles, Schema
from target_dativo_iceberg.errors import DativoError, SettingsError, ViolationError
from target_dativo_iceberg.quarantine import contract_of
from target_dativo_iceberg.route import Contracts
from target_dativo_iceberg.settings import Settings, parse
from target_dativo_iceberg.spread.on_ray import portable
from target_dativo_iceberg.spread.staging import run
from target_dativo_iceberg.spread.task import Task
from target_dativo_iceberg.streams import Stream, Streams
from target_dativo_iceberg.tables import Store, open_store
from tests.spread.files import SCHEMA, contract, rows, write

KEY = "00112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef"
CANARY = "canary-4b7d"
HASHED = [{"match": {"name": "note"}, "action": "hash"}]


def _opened(settings: Settings, scratch: Path) -> Stream:
    documents = load(settings.contract_path) if settings.contract_path else None
    message = Schema("orders", SCHEMA["schema"], ("id",))  # type: ignore[arg-type]
    return Streams(settings, Contracts(settings, documents), scratch).open(message, None)


def _task(tmp_path: Path, store: Store, stream: Stream, *paths: Path) -> Task:
    good = store.destination(("ns", "orders"), stream.contract, None)
    bad = store.destination(("ns", "orders__quarantine"), contract_of("orders__quarantine"), None)
    files = BatchFiles("orders", "parquet", None, tuple(p.as_uri() for p in paths))
    targets = (store.file_target(good, "p"), store.file_target(bad, "p"))
    return Task("t", stream, files, (tmp_path,), *targets, run_id="r")


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    return {
        "warehouse": str(tmp_path / "warehouse"),
        "contract_path": contract(tmp_path),
        "on_violation": "quarantine",
        "s3_endpoint": "http://127.0.0.1:9",
        "s3_access_key_id": f"{CANARY}-id",
        "s3_secret_access_key": f"{CANARY}-key",
        "catalog": {
            "type": "sql",
            "uri": f"sqlite:///{tmp_path}/c.db",
            "credential": f"{CANARY}-catalog",
            "adls.account-key": f"{CANARY}-azure",
            "gcs.oauth2.token": f"{CANARY}-google",
            "s3.session-token": f"{CANARY}-session",
        },
    }


def test_a_task_gives_the_same_where_it_was_sent(tmp_path: Path, config: dict[str, Any]) -> None:
    settings = parse(config)
    stream = _opened(settings, tmp_path)
    paths = [write(tmp_path / f"{n}.parquet", rows(n * 500, 500)) for n in range(2)]
    task = _task(tmp_path, open_store(settings), stream, *paths)
    sent = pickle.dumps(portable(replace(task, attempt=2), catalog_properties(settings)))
    assert CANARY.encode() not in sent
    here = run(task)
    there = pickle.loads(pickle.dumps(run(pickle.loads(sent))))
    assert there.counts.as_dict() == here.counts.as_dict()
    assert (here.counts.good, here.counts.quarantined) == (990, 10)
    assert there.keys == here.keys
    assert there.keys.num_rows == 990
    for ours, theirs in zip((*here.good, *here.bad), (*there.good, *there.bad), strict=True):
        assert theirs.spec_id == ours.spec_id
        assert theirs.record_count == ours.record_count
        assert Path(theirs.file_path.removeprefix("file://")).exists()
    there.discard(task)
    here.discard(task)
    assert list((tmp_path / "warehouse").rglob("*.parquet")) == []


def test_keys_of_nodes_go_only_where_the_settings_say(tmp_path: Path, config: dict[str, Any]) -> None:
    settings = parse(config)
    task = _task(tmp_path, open_store(settings), _opened(settings, tmp_path))
    task.good.io.properties["s3.endpoint"] = "http://127.0.0.1:10"  # as a catalog may answer
    with pytest.raises(SettingsError, match=r"names the S3 endpoint 127.0.0.1:10"):
        portable(task, catalog_properties(settings))


def test_a_worker_with_another_privacy_key_refuses(
    tmp_path: Path, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = parse(config | {"privacy": HASHED, "privacy_key": KEY})
    sent = pickle.dumps(_opened(settings, tmp_path))
    assert KEY.encode() not in sent
    with pytest.raises(SettingsError, match="key"):
        pickle.loads(sent)
    monkeypatch.setenv("DATIVO_PRIVACY_KEY", KEY[::-1])
    with pytest.raises(SettingsError, match="another privacy key"):
        pickle.loads(sent)
    monkeypatch.setenv("DATIVO_PRIVACY_KEY", KEY)
    assert pickle.loads(sent).privacy.protected == _opened(settings, tmp_path).privacy.protected


def test_a_record_that_ends_the_run_is_named_and_stays_where_it_was(tmp_path: Path, config: dict[str, Any]) -> None:
    settings = parse(config | {"on_violation": "strict"})
    path = write(tmp_path / "a.parquet", rows(0, 200, bad=150))
    task = _task(tmp_path, open_store(settings), _opened(settings, tmp_path), path)
    outcome = run(task)
    assert outcome.failed is not None
    assert (outcome.failed[0].place, outcome.failed[0].record) == ("BATCH file a.parquet: row 150", b"")
    assert (outcome.good, outcome.bad) == ((), ())
    assert list((tmp_path / "warehouse").rglob("*.parquet")) == []


@pytest.mark.parametrize(
    "error", [ViolationError("a", "b"), errors.Interrupted(15), errors.StoreError("only")], ids=str
)
def test_errors_arrive_as_they_were_raised(error: DativoError) -> None:
    found = pickle.loads(pickle.dumps(error))
    assert type(found) is type(error)
    assert (found.message, found.hint, str(found), found.exit_code) == (
        error.message,
        error.hint,
        str(error),
        error.exit_code,
    )
