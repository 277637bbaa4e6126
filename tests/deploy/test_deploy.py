"""The manifests of docs/deploy are what Kubernetes knows, locked down as the page says, with a valid job."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from dativo_ingest.jobs import from_yaml
from target_dativo_iceberg.contract import load

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads(Path(__file__).with_name("kubernetes.schema.json").read_text())
DOCUMENTS: dict[str, Any] = {d["kind"]: d for d in yaml.safe_load_all((ROOT / "docs/deploy/cronjob.yaml").read_text())}
JOB = DOCUMENTS["CronJob"]["spec"]
POD = JOB["jobTemplate"]["spec"]["template"]["spec"]
(BOX,) = POD["containers"]
FILE = (ROOT / "Containerfile").read_text()


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_every_manifest_has_known_fields_only(kind: str) -> None:
    check = jsonschema.Draft202012Validator(SCHEMA)
    check.validate(DOCUMENTS[kind])
    assert not check.is_valid(DOCUMENTS[kind] | {"specc": {}})


def test_the_pod_may_do_nothing_that_it_need_not() -> None:
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert POD["automountServiceAccountToken"] is False
    assert BOX["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert JOB["concurrencyPolicy"] == "Forbid"
    assert set(BOX["resources"]["limits"]) == {"cpu", "memory"}
    assert "env" not in BOX
    assert not re.search(r"hostPath|privileged|hostNetwork", json.dumps(DOCUMENTS))


def test_volumes_are_declared_and_all_that_is_written_is_one() -> None:
    mounts = {mount["name"]: mount for mount in BOX["volumeMounts"]}
    assert set(mounts) == {volume["name"] for volume in POD["volumes"]}
    written = {mount["mountPath"] for mount in mounts.values() if not mount.get("readOnly")}
    assert written == {"/state", "/tmp", "/metrics"}
    claims = {v["configMap"]["name"] for v in POD["volumes"] if "configMap" in v}
    assert claims == {DOCUMENTS["ConfigMap"]["metadata"]["name"]}


def test_the_job_is_one_and_its_contract_can_be_enforced(tmp_path: Path) -> None:
    data = DOCUMENTS["ConfigMap"]["data"]
    for name, text in data.items():
        (tmp_path / name).write_text(text)
    job = from_yaml(tmp_path / "job.yaml")
    assert job.name == "orders"
    assert len(load(tmp_path / "orders.yaml").contracts) == 1
    known = subprocess.run(
        [sys.executable, "-m", "dativo_ingest", "run", "--help"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    for word in BOX["args"][1:]:
        assert not word.startswith("--") or word in known.stdout, word


def test_the_probe_tells_a_run_whose_rows_move_from_one_that_hangs(tmp_path: Path) -> None:
    journal = tmp_path / "acme" / "orders" / "journal.jsonl"
    journal.parent.mkdir(parents=True)
    command = [word.replace("/state", str(tmp_path)) for word in BOX["livenessProbe"]["exec"]["command"]]

    def alive() -> bool:
        return subprocess.run(command, check=False).returncode == 0

    assert not alive()
    journal.write_text("{}\n")
    assert alive()
    old = time.time() - 46 * 60
    os.utime(journal, (old, old))
    assert not alive()


def test_the_containerfile_copies_what_is_there_and_runs_as_nobody() -> None:
    for source in re.findall(r"^COPY (?!--)(.+) \S+$", FILE, re.MULTILINE):
        for name in source.split():
            assert (ROOT / name).exists(), name
            assert f"!{name}" in (ROOT / ".containerignore").read_text()
    assert re.findall(r"^FROM (\S+)", FILE, re.MULTILINE) == ["python:3.11-slim"] * 2
    (user,) = re.findall(r"^USER (\d+):\d+$", FILE, re.MULTILINE)
    assert int(user) == POD["securityContext"]["runAsUser"] > 0
    assert FILE.count("--require-hashes") == 2
    assert re.search(r"https?://", FILE) is None
