"""tap-markdown-kv in this process (`sync`) and as a command (`run`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tap_adapters.markdown_kv.tap import TapMarkdownKv
from tests.taps.running import Done, Messages, run_command, signals_restored, sync_tap

Run = Callable[..., Done]
Sync = Callable[..., Messages]


@pytest.fixture
def sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: Any) -> Iterator[Sync]:
    """Sync the documents of `docs` with a pattern, with the test's folder as the current one."""
    monkeypatch.chdir(tmp_path)

    def _sync(path: str = "docs", *, state: Any = None, catalog: Any = None, **entry: Any) -> Messages:
        config = {"files": [{"entity": "notes", "path": path, **entry}]}
        return sync_tap(TapMarkdownKv, capfdbinary, config, state, catalog)

    with signals_restored():
        yield _sync


@pytest.fixture
def run(tmp_path: Path, warm_commands: Path) -> Run:
    """Run the command; values given by name become files for the options of that name."""

    def _run(*arguments: str, **options: Any) -> Done:
        return run_command("tap_adapters.markdown_kv", tmp_path, *arguments, options=options)

    return _run


@pytest.fixture
def docs(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a document into the folder `docs`."""

    def _write(name: str, text: str) -> Path:
        path = tmp_path / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        return path

    return _write
