"""The source as a process: it never outlives the tap, its files are private and go away, and nothing leaks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tap_airbyte.conftest import COMMAND, ROOT, Bridge, Done, at, row

SECRET = "hunter2-canary"
SILENT = {"sleep": 600}
DEADLINE = 60.0


def _until(condition: Callable[[], Any], what: str) -> None:
    limit = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < limit, f"never happened: {what}"
        time.sleep(0.02)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Started:
    """A tap at work, its source and a child of the source, all of them running."""

    def __init__(self, bridge: Bridge, *steps: dict[str, Any]) -> None:
        self.bridge = bridge
        child, given = bridge.folder / "child", bridge.folder / "given.json"
        config = bridge.config(row(1), at({"c": 1}), {"start": str(child)}, {"given": str(given)}, *steps)
        self.tap = bridge.start(config)
        _until(given.exists, "the source is at work")
        self.given = json.loads(given.read_text())
        self.pids = [self.given["pid"], int(child.read_text())]
        assert all(_runs(pid) for pid in self.pids)
        assert Path(self.given["folder"]).is_dir()

    def end(self) -> Done:
        """Wait for the end of all."""
        out, log = self.tap.communicate(timeout=DEADLINE)
        _until(lambda: not any(_runs(pid) for pid in self.pids), "source and child have ended")
        assert list(self.bridge.temporary.iterdir()) == []
        assert b"Traceback" not in log, log
        return Done(self.tap.returncode, (out or b"").decode(), log.decode())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_silent_source_and_its_children_and_removes_its_files(
    bridge: Bridge, number: signal.Signals
) -> None:
    started = Started(bridge, SILENT)
    started.tap.send_signal(number)
    done = started.end()
    assert (done.code, done.kinds, done.errors) == (128 + number, "SCSCREST", [])


def test_a_source_that_does_not_listen_is_killed(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    deaf = bridge.folder / "source-deaf"
    deaf.write_text(f"#!/bin/sh\ntrap '' TERM\nexec '{bridge.executable}' \"$@\"\n")
    deaf.chmod(0o755)
    monkeypatch.setattr("tap_adapters.airbyte.process._GRACE_SECONDS", 0.2)
    torn = {"raw": '{"type":\n'}
    done = bridge.run(bridge.config({"given": str(bridge.folder / "given.json")}, torn, SILENT) | {"source": str(deaf)})
    assert done.code == 1
    assert not _runs(json.loads((bridge.folder / "given.json").read_text())["pid"])


@pytest.mark.parametrize("last", [SILENT, {"many": row(2)["say"]}])
def test_a_reader_that_goes_away_ends_the_source_quietly_even_when_it_is_silent(
    bridge: Bridge, last: dict[str, Any]
) -> None:
    started = Started(bridge, last)
    assert started.tap.stdout
    started.tap.stdout.close()
    started.tap.stdout = None
    done = started.end()
    assert done.code == 1
    assert not any(word in done.log for word in ("ERROR", "Exception")), done.log


def test_a_tap_that_is_killed_takes_its_source_along_and_the_next_run_removes_its_files(bridge: Bridge) -> None:
    started = Started(bridge, SILENT)
    started.tap.kill()
    started.tap.communicate()
    _until(lambda: not _runs(started.given["pid"]), "the source has ended")
    os.kill(started.pids[1], signal.SIGKILL)
    left = Path(started.given["folder"])
    assert left.stat().st_mode & 0o777 == 0o700
    os.utime(left, (1, 1))
    bridge.run(bridge.config(row(1)))
    assert not left.exists()


def test_a_child_that_outlives_its_source_keeps_nobody_waiting(bridge: Bridge) -> None:
    child = bridge.folder / "child"
    done = bridge.run(bridge.config({"start": str(child)}, row(1)))
    assert (done.code, done.records()) == (0, [{"id": 1}])
    _until(lambda: not _runs(int(child.read_text())), "the child has ended")


def test_the_folder_of_a_run_at_work_is_not_swept_away(bridge: Bridge) -> None:
    started = Started(bridge, SILENT)
    os.utime(started.given["folder"], (1, 1))
    config = bridge.config(row(1))
    subprocess.run(
        [*COMMAND, *bridge.arguments(config, "--discover")], cwd=ROOT, check=True, capture_output=True, timeout=60
    )
    assert Path(started.given["folder"], "config.json").exists()
    started.tap.terminate()
    started.end()


def test_a_source_gets_its_files_in_private_and_neither_our_settings_nor_our_python_path(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAP_AIRBYTE_CONFIG", json.dumps({"password": SECRET}))
    monkeypatch.setenv("TARGET_DATIVO_ICEBERG_S3_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    given = bridge.folder / "given.json"
    config = bridge.config(at({"c": 1}), secrets={"password": SECRET})
    first = bridge.run(config)
    config = bridge.config({"given": str(given)}, secrets={"password": SECRET})
    assert bridge.run(config, state=first.states[-1]).code == 0
    told = json.loads(given.read_text())
    assert told["modes"] == ["0o700", "0o600", "0o600", "0o600"]
    assert told["files"]["config"]["password"] == SECRET
    assert told["group"] == told["pid"] != os.getpgid(0)
    assert SECRET not in json.dumps([told["arguments"], told["environment"]])
    assert "PYTHONPATH" not in told["environment"]
    assert told["environment"]["HTTPS_PROXY"] == "http://127.0.0.1:1"


def test_a_secret_is_in_no_output_and_in_no_argument_while_the_tap_runs(bridge: Bridge) -> None:
    log = {"say": {"type": "LOG", "log": {"level": "INFO", "message": f"with {SECRET}"}}}
    given = bridge.folder / "given.json"
    config = bridge.config(log, {"err": SECRET}, {"raw": f"{SECRET}\n"}, row(1), {"given": str(given)}, SILENT,
                           secrets={"password": SECRET})  # fmt: skip
    with bridge.start(config) as tap:
        _until(given.exists, "the source is at work")
        seen = b"".join(_arguments(pid) for pid in (tap.pid, json.loads(given.read_text())["pid"]))
        tap.terminate()
        out, err = tap.communicate(timeout=DEADLINE)
    assert b"speaker.py" in seen
    assert SECRET.encode() not in out + err + seen


def _arguments(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_the_version_is_printed_without_importing_the_sdk() -> None:
    script = "import sys; sys.argv[1:] = ['--version']; from tap_adapters.airbyte.__main__ import main; main(); "
    script += "print([name for name in ('singer_sdk', 'msgspec') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, timeout=60, cwd=ROOT)
    version, modules = done.stdout.decode().splitlines()
    assert version.startswith("tap-airbyte v")
    assert modules == "[]"


def test_about_lists_settings_and_no_capability_that_is_not_there(bridge: Bridge) -> None:
    about = json.loads(bridge.run({}, "--about", "--format=json").out)
    assert about["capabilities"] == ["catalog", "discover", "state", "about", "structured-logging"]
    assert list(about["settings"]["properties"]) == [
        "source", "package", "config", "config_file", "on_config_update", "streams"]  # fmt: skip
    assert about["settings"]["properties"]["config"]["secret"] is True
