"""A real run, and Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from dativo_ingest.cli import main
from tests.dativo.warm_python import use
from tests.reports.browser import start
from tests.reports.ran import Ran, ran_once

Dativo = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory, _warm_programs: Path) -> Ran:
    """One call of `dativo run`, shared between workers."""
    base = tmp_path_factory.getbasetemp()
    with pytest.MonkeyPatch.context() as patch:
        use(_warm_programs, patch)
        return ran_once((base.parent if base.name.startswith("popen-") else base) / "reports-ran")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for one module: an event loop runs in this thread as long as it is open, which others' code meets."""
    with sync_playwright() as playwright:
        started = start(playwright)
        yield started
        started.close()


@pytest.fixture
def dativo(ran: Ran, capsys: pytest.CaptureFixture[str]) -> Dativo:
    """`dativo` on what the real run left, in this process."""

    def call(*words: str | Path) -> tuple[int, str, str]:
        where: list[Any] = ["--root", ran.project.folder, "--state-dir", ran.state]
        code = main([str(word) for word in (words[0], *where, *words[1:])])
        out, err = capsys.readouterr()
        return code, out, err

    return call
