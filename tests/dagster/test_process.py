"""A load as a process, and its end. What is run here are small stand-ins for `dativo run`, as each test shows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dativo_ingest.dagster import process
from dativo_ingest.dagster.process import Ended
from tests.dativo.project import ROOT

ERROR = {"level": "ERROR", "event_type": "job_error", "message": "no answer", "cause": "setup", "retryable": None}


def _python(body: str) -> list[str]:
    return [sys.executable, "-I", "-c", body]


@pytest.mark.parametrize(
    ("body", "ended"),
    [
        ('print(\'{"jobs": [{"status": "partial"}]}\'); raise SystemExit(1)', Ended(1, {"status": "partial"})),
        (f"import sys; print({json.dumps(ERROR)!r}, file=sys.stderr); raise SystemExit(2)", Ended(2, {}, ERROR)),
        ("import os; print('{', flush=True); os.kill(os.getpid(), 9)", Ended(-9)),
        ("print('[1]'); print('no event', file=__import__('sys').stderr)", Ended(0)),
    ],
)
def test_how_a_load_ended(body: str, ended: Ended) -> None:
    lines: list[bytes] = []
    assert process.run(_python(body), lambda _event, line: lines.append(line), 5) == ended
    assert len(lines) == ("stderr" in body)


def test_what_dagster_signs_in_with_is_not_given_to_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_POSTGRES_PASSWORD", "canary")
    body = "import os, json; print(json.dumps({'jobs': [dict(os.environ)]}))"
    seen = process.run(_python(body), lambda _event, _line: None, 5).report
    assert "PATH" in seen
    assert not [name for name in seen if name.startswith("DAGSTER")]


class Interrupted(BaseException):
    pass


@contextmanager
def _interrupting(when: Path) -> Iterator[None]:
    """Raise, as Dagster does when a run is terminated, once a file is there."""

    def arrived(_number: int, _frame: Any) -> None:
        if when.exists():
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise Interrupted

    before = signal.signal(signal.SIGALRM, arrived)
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# Starts a process in a group of its own, as `dativo` starts Meltano, and says who they are.
FAMILY = """
import os, pathlib, signal, subprocess, sys, time
{first}
child = subprocess.Popen(["sleep", "600"], start_new_session=True)
there = pathlib.Path({there!r})
there.with_suffix(".new").write_text(f"{{os.getpid()}} {{child.pid}}")
there.with_suffix(".new").rename(there)
try:
    time.sleep(600)
finally:
    {last}
"""
ORDERLY = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))"
STUBBORN = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
IN_ORDER = "child.kill(); child.wait(); there.with_name('in-order').touch()"


@pytest.mark.parametrize(("first", "last", "orderly"), [(ORDERLY, IN_ORDER, True), (STUBBORN, "pass", False)])
def test_a_load_that_is_to_end_may_do_so_in_order_or_is_killed_with_all_it_started(
    tmp_path: Path, first: str, last: str, orderly: bool
) -> None:
    there = tmp_path / "there"
    body = FAMILY.format(first=first, last=last, there=str(there))
    with pytest.raises(Interrupted), _interrupting(there):
        process.run(_python(body), lambda _event, _line: None, 30 if orderly else 0.2)
    assert (tmp_path / "in-order").exists() == orderly
    for one in there.read_text().split():
        assert _gone(int(one))


def test_a_load_ends_in_order_when_dagsters_process_is_killed(tmp_path: Path) -> None:
    there = tmp_path / "there"
    body = FAMILY.format(first=ORDERLY, last=IN_ORDER, there=str(there))
    words = f"from dativo_ingest.dagster import process; process.run({_python(body)!r}, lambda *_: None, 5)"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", words], env=environment) as dagster:
        _wait_for(there)
        dagster.kill()
    _wait_for(tmp_path / "in-order")


def _wait_for(path: Path) -> None:
    while not path.exists():  # until the test's own time is over
        time.sleep(0.02)


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
