"""Nothing that the input or a contract names is fetched, and no link of a stranger is written through."""

from __future__ import annotations

from pathlib import Path

import pytest

from dativo_ingest.errors import ConfigError
from dativo_ingest.jobs import from_yaml
from target_dativo_iceberg.batch_files import allowed
from target_dativo_iceberg.errors import InputError
from tests.security.conftest import Listener
from tests.target.running import Target, record, schema, state

CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: c
version: 1.0.0
status: active
$schema: http://{there}/schema.json
authoritativeDefinitions: [{{type: businessDefinition, url: 'http://{there}/definition'}}]
schema:
- name: a
  $ref: http://{there}/object.yaml
  authoritativeDefinitions: [{{type: implementation, url: 'http://{there}/code'}}]
  properties:
  - {{name: id, logicalType: integer}}
  - {{name: s, logicalType: string, $ref: 'http://{there}/s.yaml'}}
"""


def test_a_contract_is_read_without_asking_anybody(target: Target, tmp_path: Path, listener: Listener) -> None:
    (tmp_path / "c.yaml").write_text(CONTRACT.format(there=listener.address))
    ended = target.run([schema(), record(1, s="x"), state(1)], contract_path=str(tmp_path / "c.yaml"))
    assert ended.code == 0, ended.log
    assert not listener.called()


def test_a_schema_is_read_without_asking_anybody(target: Target, listener: Listener) -> None:
    reference = {"$ref": f"http://{listener.address}/s.json#/x"}
    message = schema(s=reference, t={"anyOf": [reference, {"type": "null"}]})
    message["schema"] |= {"$schema": f"http://{listener.address}/meta", "$id": f"http://{listener.address}/id"}
    ended = target.run([message, record(1, s="x"), state(1)])
    assert not listener.called()
    assert ended.code == 0 or (len(ended.errors), target.published()) == (1, {})


@pytest.mark.parametrize(
    "uri",
    [
        "http://{there}/a.jsonl", "https://{there}/a.jsonl", "ftp://{there}/a", "s3://{there}/a.jsonl", "gs://b/a",
        "hdfs://{there}/a", "abfss://c@{there}/a", "file://{there}/etc/passwd", "//{there}/etc/passwd", "HTTP://{there}/a",
        "data:text/plain,x", "jar:file:///a!/b", "\\\\{there}\\a", "file:///proc/self/environ", "/dev/stdin",
        "file:///dev/null", "-", "", "file://localhost/etc/passwd",
    ],
)  # fmt: skip
def test_a_batch_names_no_place_but_its_folders(tmp_path: Path, uri: str) -> None:
    with pytest.raises(InputError, match="a BATCH manifest names"):
        allowed(uri.format(there="127.0.0.1:9"), [tmp_path])


def test_a_batch_fetches_nothing(target: Target, tmp_path: Path, listener: Listener) -> None:
    manifest = [f"http://{listener.address}/a.jsonl"]
    batch = {"type": "BATCH", "stream": "a", "encoding": {"format": "jsonl"}, "manifest": manifest}
    ended = target.run([schema(keys=()), batch, state(1)], batch_roots=[str(tmp_path)])
    assert not listener.called()
    assert (ended.code, len(ended.errors), ended.out, target.published()) == (1, 1, b"", {})


def test_a_batch_without_folders_is_refused(target: Target, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": 1}\n')
    batch = {"type": "BATCH", "stream": "a", "encoding": {"format": "jsonl"}, "manifest": [str(tmp_path / "a.jsonl")]}
    ended = target.run([schema(keys=()), batch, state(1)])
    assert (ended.code, len(ended.errors), target.published()) == (1, 1, {})


def test_reports_replace_a_link_and_do_not_write_through_it(target: Target, tmp_path: Path) -> None:
    victim, metrics = tmp_path / "victim", tmp_path / "metrics"
    victim.write_text("mine")
    metrics.mkdir()
    (tmp_path / "report.json").symlink_to(victim)
    (metrics / "dativo_acme_orders.prom").symlink_to(victim)
    child = target.start(
        report_path=str(tmp_path / "report.json"), metrics_dir=str(metrics), tenant_id="acme", job_id="orders"
    )
    child.feed(schema(), record(1), state(1))
    assert child.wait().code == 0
    assert victim.read_text() == "mine"
    for file in (tmp_path / "report.json", metrics / "dativo_acme_orders.prom"):
        assert file.is_file()
        assert not file.is_symlink()


@pytest.mark.parametrize(
    "text",
    ["a: !!python/object/apply:os.system [touch pwned]\n", "a: &x [*x]\n", "tenant_id: a\ntenant_id: b\n", "- " * 500],
)
def test_a_job_file_runs_nothing_and_never_turns_in_circles(tmp_path: Path, text: str) -> None:
    (tmp_path / "j.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"j\.yaml"):
        from_yaml(tmp_path / "j.yaml")
    assert not (tmp_path / "pwned").exists()
    assert not Path("pwned").exists()
