"""`python -m target_dativo_iceberg.contract check`, as people and CI run it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from target_dativo_iceberg.contract.__main__ import main
from tests.contract_reading.conftest import CONTRACTS, odcs

pytestmark = pytest.mark.usefixtures("warm_commands")


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "target_dativo_iceberg.contract", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_check_prints_the_canonical_form_and_the_lint() -> None:
    path = CONTRACTS / "orders_flat.yaml"
    done = _run("check", str(path))
    assert done.returncode == 0
    document = yaml.safe_load(done.stdout)
    assert (document["apiVersion"], document["schema"][0]["name"]) == ("v3.2.0", "orders")
    assert f"{path}:6: info: 'version' is not quoted; it is read as the text '1.10' (at version)" in done.stderr
    assert f"{path}:45: warning: encryption is required" in done.stderr


def test_the_canonical_form_can_be_checked_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    again = tmp_path / "again.yaml"
    main(["check", str(CONTRACTS / "everything.yaml")])
    again.write_text(capsys.readouterr().out)
    assert main(["check", str(again)]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == yaml.safe_load(again.read_text())


def test_variables_stay_as_written_in_the_canonical_form(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CATALOG_URL", "http://user:hunter2@x")
    main(["check", str(CONTRACTS / "everything.yaml")])
    printed = capsys.readouterr()
    assert "${CATALOG_URL:-http://localhost:19120/iceberg}" in printed.out
    assert "hunter2" not in printed.out + printed.err


def test_numbers_keep_their_digits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "c.yaml"
    options = "{minimum: 12345678901234567890.1234567890, maximum: 1e30}"
    path.write_text(odcs(f"- {{name: c, physicalType: 'DECIMAL(38,9)', logicalTypeOptions: {options}}}"))
    main(["check", str(path)])
    assert "minimum: 12345678901234567890.1234567890\n" in capsys.readouterr().out


def test_errors_of_all_documents_are_shown_and_the_code_is_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.yaml").write_text("schema: [\n")
    (tmp_path / "b.yaml").write_text(odcs("- {name: c}"))
    (tmp_path / "c.yaml").write_text(odcs("- {name: c, logicalType: date}"))
    assert main(["check", str(tmp_path), str(tmp_path / "missing.yaml")]) == 2
    printed = capsys.readouterr()
    errors = [line for line in printed.err.splitlines() if line.startswith("error: ")]
    assert [error.split(": ")[1] for error in errors[:2]] == [f"{tmp_path}/a.yaml:2", f"{tmp_path}/b.yaml:9"]
    assert "no contract at" in errors[2]
    assert yaml.safe_load(printed.out)["schema"][0]["properties"] == [{"name": "c", "logicalType": "date"}]


def test_two_objects_of_one_name_are_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(odcs("- {name: c, logicalType: date}"))
    assert main(["check", str(tmp_path)]) == 2
    assert "answers to the same stream" in capsys.readouterr().err


def test_json_output_is_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(odcs("- {name: c, logicalType: nothing}"))
    assert main(["check", "--json", str(path), str(CONTRACTS / "lighthouse_30.yaml")]) == 2
    report = json.loads(capsys.readouterr().out)
    assert report["contracts"][0]["id"] == "lighthouse-log"
    assert report["errors"][0]["message"].startswith(f"{path}:9: logicalType 'nothing' is not known")
    assert {"source", "line", "level", "path", "message"} == report["notes"][0].keys()


def test_a_contract_with_doubts_only_is_fine() -> None:
    done = _run("check", str(CONTRACTS / "buoys_newer_words.yaml"))
    assert done.returncode == 0
    assert "did you mean 'required'?" in done.stderr
    assert "Traceback" not in done.stderr
