"""An extractor run as a direct command line into the target: discover, select, read, load; STATE goes round."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tap_adapters.extractor import Extractor
from tap_adapters.selection import applied
from tests.target.running import Ended, Target


@dataclass
class Run:
    """What a run of the tap and the target left."""

    tap_code: int
    tap_log: str
    ended: Ended | None
    messages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def state(self) -> dict[str, Any]:
        """The last STATE that the target printed."""
        assert self.ended is not None
        return dict(self.ended.states[-1])

    def records(self, stream: str) -> list[dict[str, Any]]:
        return [one["record"] for one in self.messages if one["type"] == "RECORD" and one["stream"] == stream]


class Pipe:
    """Runs an extractor's command from an environment of its own, with settings in a file, as Meltano does."""

    def __init__(self, target: Target, venv: Path, folder: Path) -> None:
        self._target = target
        self._venv = venv
        self._folder = folder
        self._runs = 0
        self._catalogs: dict[str, Any] = {}

    def command(self, extractor: Extractor) -> list[str]:
        path = Path(extractor.executable)
        return [str(path if path.is_absolute() else self._venv / "bin" / path)]

    def discover(self, extractor: Extractor) -> tuple[Any, subprocess.CompletedProcess[str] | None]:
        """The tap's catalog, kept as long as the settings are the same; without one, how the tap failed."""
        config = json.dumps(dict(extractor.config), sort_keys=True)
        if config not in self._catalogs:
            path = self._write("config", dict(extractor.config))
            done = self._tap([*self.command(extractor), "--config", str(path), "--discover"])
            if done.returncode:
                return None, done
            self._catalogs[config] = json.loads(done.stdout)
        return self._catalogs[config], None

    def run(self, extractor: Extractor, state: Mapping[str, Any] | None = None, **settings: Any) -> Run:
        """Discover, then read into the target; a STATE is only handed over where the extractor says so.

        The tap may fail, and then says so in its log; the target must not.
        """
        self._runs += 1
        catalog, failed = self.discover(extractor)
        if failed is not None:
            return Run(failed.returncode, failed.stderr, None)
        selected = applied(catalog, extractor.select, extractor.metadata)
        command = [*self.command(extractor), "--config", str(self._folder / "config.json")]
        command += ["--catalog", str(self._write("catalog", selected))]
        if state is not None and "state" in extractor.capabilities:
            command += ["--state", str(self._write("state", dict(state)))]
        log, out = (self._folder / f"tap{self._runs}.{kind}" for kind in ("log", "singer"))
        with (
            log.open("wb") as errors,
            subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, cwd=self._folder, env=_environment()
            ) as tap,
        ):
            ended = self._target.run(_tee(tap, out), **settings)
        assert ended.code == 0, ended.log
        messages = [json.loads(line) for line in out.read_text().splitlines()]
        return Run(tap.wait(), log.read_text(errors="replace"), ended, messages)

    def _tap(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, capture_output=True, text=True, cwd=self._folder, env=_environment(), timeout=120, check=False
        )

    def _write(self, name: str, value: dict[str, Any]) -> Path:
        path = self._folder / f"{name}.json"
        path.touch(0o600)
        path.write_text(json.dumps(value))
        return path


def _tee(tap: subprocess.Popen[bytes], out: Path) -> Iterator[bytes]:
    assert tap.stdout is not None
    with out.open("wb") as copy, tap.stdout:
        while piece := tap.stdout.read1(1 << 16):  # type: ignore[attr-defined]
            copy.write(piece)
            yield piece


def _environment() -> dict[str, str]:
    """What a plugin of Meltano inherits: not our PYTHONPATH, and no warnings turned into errors."""
    dropped = ("PYTHONPATH", "PYTHONWARNINGS", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if name not in dropped}
