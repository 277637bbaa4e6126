"""Two ways to run tap-csv: `run`, the installed command in a child process, and `sync`, the tap in this one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tap_adapters.csv.tap import TapCsv

COMMAND = str(Path(sys.executable).with_name("tap-csv"))


@dataclass(frozen=True)
class Messages:
    """What the tap wrote to standard output."""

    all: list[dict[str, Any]]

    @classmethod
    def parse(cls, out: bytes) -> Messages:
        return cls([json.loads(line) for line in out.splitlines()])

    def records(self, stream: str | None = None) -> list[dict[str, Any]]:
        return [m["record"] for m in self.of("RECORD") if stream in {None, m["stream"]}]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.all if message["type"] == kind]

    @property
    def state(self) -> dict[str, Any]:
        return self.of("STATE")[-1]["value"]

    @property
    def batch_paths(self) -> list[Path]:
        uris = [uri for message in self.of("BATCH") for uri in message["manifest"]]
        assert all(uri.startswith("file:///") for uri in uris)
        return [Path(uri.removeprefix("file://")) for uri in uris]


@dataclass(frozen=True)
class Done:
    """A finished run of the command."""

    code: int
    out: bytes
    log: str

    @property
    def messages(self) -> Messages:
        return Messages.parse(self.out)

    @property
    def errors(self) -> list[str]:
        return [line for line in self.log.splitlines() if "| ERROR" in line]


Run = Callable[..., Done]
Sync = Callable[..., Messages]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run `tap-csv`; dicts given by name become files for the options of that name, lists become `files`."""

    def _run(*arguments: str, **options: Any) -> Done:
        given = list(arguments)
        for name, value in options.items():
            path = tmp_path / f"{name}.option.json"
            path.write_text(json.dumps({"files": value} if isinstance(value, list) else value))
            given += [f"--{name}", str(path)]
        environment = {**os.environ, "PYTHONWARNINGS": "default"}
        done = subprocess.run(
            [COMMAND, *given], capture_output=True, cwd=tmp_path, env=environment, timeout=60, check=False
        )
        log = done.stderr.decode()
        assert "Traceback" not in log, log
        return Done(done.returncode, done.stdout, log)

    return _run


@pytest.fixture
def sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: Any) -> Iterator[Sync]:
    """Sync in this process, with the test's folder as the current one."""
    monkeypatch.chdir(tmp_path)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def _sync(*files: dict[str, Any], state: Any = None, catalog: Any = None, **settings: Any) -> Messages:
        config = {"files": list(files), **settings}
        capfdbinary.readouterr()
        TapCsv(config=config, state=json.loads(json.dumps(state)), catalog=catalog).sync_all()
        sys.stdout.flush()
        return Messages.parse(capfdbinary.readouterr().out)

    yield _sync
    for number, handler in handlers.items():
        signal.signal(number, handler)


def entry(path: Path | str, **more: Any) -> dict[str, Any]:
    """A file entry for the entity `rows`."""
    return {"entity": "rows", "path": str(path), **more}
