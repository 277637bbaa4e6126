"""Fixtures for all tests: a clean environment, a target in a child process, tables read back by DuckDB."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.readback import Tables


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("TARGET_DATIVO", "TAP_CSV", "MELTANO", "AWS_", "DATIVO", "NESSIE")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


@dataclass
class Run:
    """A finished run of the target."""

    code: int
    states: list[Any]
    log: str
    report: dict[str, Any] = field(default_factory=dict)

    def stream(self, name: str) -> dict[str, Any]:
        return next(s for s in self.report["streams"] if s["stream"] == name)


Load = Callable[..., Run]


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    return Tables(tmp_path / "warehouse")


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Run the target as users do, on lines or bytes, with settings over the defaults."""

    def run(lines: Any, *, code: int | None = 0, **settings: Any) -> Run:
        report = tmp_path / "report.json"
        report.unlink(missing_ok=True)
        config = tmp_path / "config.json"
        config.write_text(json.dumps({"warehouse": str(tmp_path / "warehouse"), "report_path": str(report)} | settings))
        data = lines if isinstance(lines, bytes) else "".join(f"{_text(x)}\n" for x in lines).encode()
        done = subprocess.run(
            [sys.executable, "-m", "target_dativo_iceberg", "--config", str(config)],
            input=data,
            capture_output=True,
            timeout=100,
            check=False,
        )
        log = done.stderr.decode()
        result = Run(
            done.returncode,
            [json.loads(line) for line in done.stdout.splitlines()],
            log,
            json.loads(report.read_text()) if report.exists() else {},
        )
        assert "Traceback" not in log, log
        if code is not None:
            assert result.code == code, log
        return result

    return run


def _text(line: Any) -> str:
    return line if isinstance(line, str) else json.dumps(line)
