"""Two ways to run a tap of ours: the installed command in a child process, and the tap in this one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from singer_sdk.tap_base import Tap


@dataclass(frozen=True)
class Messages:
    """What a tap wrote to standard output."""

    all: list[dict[str, Any]]
    out: bytes = b""

    @classmethod
    def parse(cls, out: bytes) -> Messages:
        return cls([json.loads(line) for line in out.splitlines()], out)

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
    """A finished run of a command."""

    code: int
    out: bytes
    log: str

    @property
    def messages(self) -> Messages:
        return Messages.parse(self.out)

    @property
    def errors(self) -> list[str]:
        return [line for line in self.log.splitlines() if "| ERROR" in line]


def run_command(
    module: str, folder: Path, *arguments: str, options: Mapping[str, Any] | None = None, data: bytes | None = None
) -> Done:
    """Run `python -m module` in a folder; each option's value becomes a file for the option of that name."""
    given = list(arguments)
    for name, value in (options or {}).items():
        path = folder / f"{name}.option.json"
        path.write_text(json.dumps(value))
        given += [f"--{name}", str(path)]
    done = subprocess.run(
        [sys.executable, "-m", module, *given],
        input=data,
        stdin=subprocess.DEVNULL if data is None else None,
        capture_output=True,
        cwd=folder,
        env={**os.environ, "PYTHONWARNINGS": "default"},
        timeout=60,
        check=False,
    )
    log = done.stderr.decode()
    assert "Traceback" not in log, log
    return Done(done.returncode, done.stdout, log)


def sync_tap(tap: type[Tap], capture: Any, config: dict[str, Any], state: Any = None, catalog: Any = None) -> Messages:
    """Sync a tap in this process and return what it wrote."""
    capture.readouterr()
    tap(config=config, state=json.loads(json.dumps(state)), catalog=catalog).sync_all()
    sys.stdout.flush()
    return Messages.parse(capture.readouterr().out)


@contextmanager
def signals_restored() -> Iterator[None]:
    """Put back the handlers of signals that a tap sets."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
