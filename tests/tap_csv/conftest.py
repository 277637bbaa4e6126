"""Two ways to run tap-csv: `run`, the command in a child process, and `sync`, the tap in this one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tap_adapters.csv.tap import TapCsv
from tests.taps.running import Done, Messages, run_command, signals_restored, sync_tap

__all__ = ["COMMAND", "Done", "Messages", "Run", "Sync", "entry"]
COMMAND = str(Path(sys.executable).with_name("tap-csv"))
Run = Callable[..., Done]
Sync = Callable[..., Messages]


@pytest.fixture
def run(tmp_path: Path, warm_commands: Path) -> Run:
    """Run `tap-csv`; dicts given by name become files for the options of that name, lists become `files`."""

    def _run(*arguments: str, **options: Any) -> Done:
        files = {name: {"files": value} if isinstance(value, list) else value for name, value in options.items()}
        return run_command("tap_adapters.csv", tmp_path, *arguments, options=files)

    return _run


@pytest.fixture
def sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: Any) -> Iterator[Sync]:
    """Sync in this process, with the test's folder as the current one."""
    monkeypatch.chdir(tmp_path)

    def _sync(*files: dict[str, Any], state: Any = None, catalog: Any = None, **settings: Any) -> Messages:
        return sync_tap(TapCsv, capfdbinary, {"files": list(files), **settings}, state, catalog)

    with signals_restored():
        yield _sync


def entry(path: Path | str, **more: Any) -> dict[str, Any]:
    """A file entry for the entity `rows`."""
    return {"entity": "rows", "path": str(path), **more}
