"""The command `dativo`, as people run it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dativo_ingest.cli import main

pytestmark = pytest.mark.usefixtures("warm_commands")

ORDERS = {
    "apiVersion": "v3.1.0",
    "kind": "DataContract",
    "id": "orders",
    "version": "1.0.0",
    "status": "active",
    "schema": [{"name": "orders", "logicalType": "object", "properties": [{"name": "id", "logicalType": "integer"}]}],
}


def dativo(*words: str, stdin: str = "", folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dativo_ingest", *words]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, cwd=folder)


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    path = tmp_path / "orders.json"
    path.write_text(json.dumps(ORDERS))
    return path


@pytest.fixture
def config(tmp_path: Path, contract: Path) -> str:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"warehouse": str(tmp_path / "warehouse"), "contract_path": str(contract)}))
    return str(path)


@pytest.mark.parametrize("words", [["--help"], ["check", "--help"], ["stack", "--help"], ["stack", "up", "--help"]])
def test_help_names_what_there_is(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 0
    assert f"usage: dativo {' '.join(words[:-1])}".rstrip() in capsys.readouterr().out


@pytest.mark.parametrize("command", ["plan", "replay", "maintain"])
def test_help_of_the_targets_programs_is_theirs(command: str) -> None:
    done = dativo(command, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: dativo {command} ")
    assert "--json" in done.stdout


@pytest.mark.parametrize(
    "words", [[], ["nothing"], ["check"], ["stack"], ["stack", "sideways"], ["check", "--loud", "x"]]
)
def test_a_command_that_does_not_exist_prints_the_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("usage: dativo")


def test_check_prints_the_canonical_form(contract: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(contract), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [c["id"] for c in found["contracts"]] == ["orders"]
    assert main(["check", str(contract)]) == 0
    assert "id: orders" in capsys.readouterr().out


def test_check_ends_with_2_when_a_contract_cannot_be_enforced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(tmp_path / "missing.yaml")]) == 2
    assert capsys.readouterr().err.startswith("error: no contract at")


def test_plan_and_replay_are_run_with_their_exit_codes(config: str, tmp_path: Path) -> None:
    (tmp_path / "yaml.py").write_text("raise SystemExit('imported from the folder it is run in')")
    done = dativo("plan", "--config", config, "--json", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["streams"][0]["table"] == "default.orders"
    done = dativo("replay", "--config", config, "--table", "default.orders", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    problem = "there is no table default.orders: check --table, and where --config looks"
    assert done.stderr == f"ERROR: store: {problem} (retryable: yes)\n"
    assert not (tmp_path / "warehouse").exists()


def test_plan_reads_a_pipe(config: str) -> None:
    properties = {"id": {"type": "integer"}, "x": {}}
    schema = {"type": "SCHEMA", "stream": "orders", "schema": {"properties": properties}, "key_properties": []}
    done = dativo("plan", "--config", config, "--schema-from-stdin", stdin=json.dumps(schema))
    assert done.returncode == 0
    assert "members ['x'] are not in the contract and are not written" in done.stdout


def test_settings_come_from_the_environment_too(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TARGET_DATIVO_ICEBERG_TABLE_PREFIX", "env_")
    done = dativo("plan", "--config", config, "--config", "ENV")
    assert "into table default.env_orders" in done.stdout


def test_a_wrong_config_is_one_error_line(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('{"warehose": "x", "s3_secret_access_key": "hunter2"}')
    done = dativo("plan", "--config", str(tmp_path / "c.json"))
    assert done.returncode == 2
    problem = "setting 'warehose' is unknown (did you mean 'warehouse'?)"
    assert done.stderr == f"ERROR: settings: {problem}: see `target-dativo-iceberg --about` (retryable: no)\n"


def test_stack_status_of_no_stack(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stack", "status", "--dir", str(tmp_path / "none"), "--json"]) == 2
    assert json.loads(capsys.readouterr().out) == {"servers": {}}
