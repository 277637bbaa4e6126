"""The tap over a source that is ours (`speaker.py`), in this process or as a command of its own."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tap_adapters.airbyte.__main__ import main
from tests.taps.running import signals_restored

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "tap_adapters.airbyte"]
SPEAKER = Path(__file__).with_name("speaker.py")
USERS = {
    "name": "users",
    "json_schema": {
        "type": "object",
        "properties": {
            "id": {"type": "number", "airbyte_type": "integer"},
            "name": {"type": ["null", "string"]},
            "address": {"type": ["null", "object"], "properties": {"city": {"type": "string"}, "street": {}}},
            "updated_at": {"type": "string", "format": "date-time"},
        },
    },
    "supported_sync_modes": ["full_refresh", "incremental"],
    "source_defined_cursor": True,
    "default_cursor_field": ["updated_at"],
    "source_defined_primary_key": [["id"]],
}
PLANS = {"name": "plans", "json_schema": {"properties": {"id": {"type": "integer"}}}}

_CODED = re.compile(r"(?:tap_settings|airbyte_source): (.*) \(retryable: (?:no|unknown)\)")


@dataclass(frozen=True)
class Done:
    """A run of the tap that has ended."""

    code: int
    out: str
    log: str

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == kind]

    def records(self, stream: str = "users") -> list[dict[str, Any]]:
        return [m["record"] for m in self.of("RECORD") if m["stream"] == stream]

    @property
    def states(self) -> list[dict[str, Any]]:
        return [message["value"] for message in self.of("STATE")]

    @property
    def errors(self) -> list[str]:
        """What it says at level ERROR, without code and `retryable` of the line that ends it."""
        said = (line.split("|", 3)[3].strip() for line in self.log.splitlines() if "| ERROR" in line)
        return [found[1] if (found := _CODED.fullmatch(line)) else line for line in said]

    @property
    def kinds(self) -> str:
        """The first letters of the messages in their order."""
        return "".join(message["type"][:2] for message in self.messages)


@dataclass
class Bridge:
    """The tap over a speaker."""

    folder: Path
    capture: Any
    monkeypatch: pytest.MonkeyPatch
    temporary: Path

    @property
    def executable(self) -> Path:
        path = self.folder / "source-speaker"
        if not path.exists():
            path.write_text(f"#!/bin/sh\nexec '{sys.executable}' -IS '{SPEAKER}' \"$@\"\n")
            path.chmod(0o755)
        return path

    def config(self, *steps: dict[str, Any], **settings: Any) -> dict[str, Any]:
        """Settings of the tap, and the script of the speaker: the streams it `discovers`, and the steps of a read."""
        streams = settings.pop("discovers", [USERS, PLANS])
        catalog = {"say": {"type": "CATALOG", "catalog": {"streams": streams}}}
        script = self.folder / "script.json"
        script.write_text(json.dumps({"discover": [catalog], "read": list(steps), **settings.pop("more", {})}))
        secrets = settings.pop("secrets", {})
        return {"source": str(self.executable), "config": {"script": str(script), **secrets}, **settings}

    def arguments(self, config: Any, *flags: str, **options: Any) -> list[str]:
        found = list(flags)
        for name, value in {"config": config, **options}.items():
            path = self.folder / f"{name}.option.json"
            path.write_text(value if isinstance(value, str) else json.dumps(value))
            found += [f"--{name}", str(path)]
        return found

    def run(self, config: Any, *flags: str, **options: Any) -> Done:
        """Run the tap in this process and see that it leaves nothing behind."""
        arguments = self.arguments(config, *flags, **options)
        self.capture.readouterr()
        handlers = logging.getLogger().handlers[:]
        self.monkeypatch.setattr(sys, "argv", ["tap-airbyte", *arguments])
        try:
            code = main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            logging.getLogger().handlers[:] = handlers
        out, log = (text.decode() for text in self.capture.readouterr())
        assert "Traceback" not in log, log
        assert list(self.temporary.iterdir()) == []
        return Done(code, out, log)

    def catalog(self, config: dict[str, Any] | None = None) -> dict[str, Any]:
        return json.loads(self.run(config or self.config(), "--discover").out)  # type: ignore[no-any-return]

    def start(self, config: dict[str, Any], **options: Any) -> subprocess.Popen[bytes]:
        """Start the tap as a command, with a catalog so that it only reads."""
        catalog = options.pop("catalog", None) or self.catalog(config)
        return subprocess.Popen(
            [*COMMAND, *self.arguments(config, catalog=catalog, **options)],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip


@pytest.fixture
def bridge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: Any) -> Iterator[Bridge]:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    excepthook = sys.excepthook
    with signals_restored():
        yield Bridge(tmp_path, capfdbinary, monkeypatch, temporary)
    logging.captureWarnings(False)
    sys.excepthook = excepthook


@pytest.fixture(scope="session")
def faker() -> Path:
    """The executable of airbyte-source-faker in a venv of its own, which is made once and kept in `.cache`."""
    venv = ROOT / ".cache" / "airbyte-faker"
    requirements = ROOT / "requirements" / "airbyte-faker.txt"
    uv = ROOT / ".venv-tools" / "bin" / "uv"
    done = venv / ".done"
    venv.parent.mkdir(exist_ok=True)
    with (venv.parent / "airbyte-faker.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists() or done.read_bytes() != requirements.read_bytes():
            _call(uv, "venv", "--quiet", "--clear", "--python", sys.executable, venv)
            _call(
                uv, "pip", "install", "--quiet", "--require-hashes", "--python", venv / "bin/python", "-r", requirements
            )
            done.write_bytes(requirements.read_bytes())
    return venv / "bin" / "source-faker"


def _call(*command: str | Path) -> None:
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0, done.stderr[-3000:]


def row(number: int, stream: str = "users", namespace: str | None = None, **data: Any) -> dict[str, Any]:
    """The step that says a record."""
    record = {"stream": stream, "data": {"id": number, **data}, "emitted_at": 1}
    return {"say": {"type": "RECORD", "record": record | ({"namespace": namespace} if namespace else {})}}


def at(cursor: Any, stream: str = "users", **more: Any) -> dict[str, Any]:
    """The step that says the state of a stream."""
    told = {"stream_descriptor": {"name": stream, **more}, "stream_state": cursor}
    return {"say": {"type": "STATE", "state": {"type": "STREAM", "stream": told, "sourceStats": {"recordCount": 1.0}}}}


def trace(message: str, **more: Any) -> dict[str, Any]:
    """The step that says an error."""
    return {
        "say": {"type": "TRACE", "trace": {"type": "ERROR", "emitted_at": 1.5, "error": {"message": message, **more}}}
    }
