"""A project whose Meltano dies at once, and a server that takes alerts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dativo_ingest.cli import main
from tests.alerts.receiver import Receiver
from tests.dativo.project import Project

Dativo = Callable[..., tuple[int, str, str]]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.go.set()
    server.stop()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = Project(tmp_path)
    made.asset()
    made.csv(1)
    made.job()
    monkeypatch.setenv("DATIVO_MELTANO", str(dying(tmp_path)))
    return made


def dying(folder: Path) -> Path:
    """A Meltano that dies."""
    path = folder / "meltano"
    path.write_text("#!/bin/sh\necho 'out of luck' >&2\nexit 1\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def dativo(project: Project, capsys: pytest.CaptureFixture[str]) -> Dativo:
    """`dativo` on the project, in this process."""

    def call(*words: str | Path) -> tuple[int, str, str]:
        code = main(project.words(str(words[0]), *words[1:]))
        out, err = capsys.readouterr()
        return code, out, err

    return call


def runner(project: Project, *urls: str, jobs: tuple[str, ...] = (), **notify: Any) -> Path:
    """Write a runner file."""
    schedules = [{"name": job.replace("/", "-"), "config": f"jobs/{job}.yaml", "cron": "0 * * * *"} for job in jobs]
    said = {"orchestrator": {"schedules": schedules}, "notify": {"urls": list(urls)} | notify}
    return project.write("runner.yaml", {"runner": said})
