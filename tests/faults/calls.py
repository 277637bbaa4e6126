"""Numbers the calls that a run of the target makes to the outside, and strikes at one of them.

Only in a child of the tests (`faulty.py` installs it), told by the environment: DATIVO_FAULT is `<mode>:<number>`, the
modes being fail (instead of the call), kill (before it), do-fail and do-kill (after it), and wait, which holds up the
first call from there on that is no SQL (SQLite may be locked then) until somebody has opened the pipe DATIVO_GATE;
DATIVO_CALLS is a file that gets one line for each call.
"""

from __future__ import annotations

import itertools
import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Mapping
from typing import Any, TextIO

MODES = ("fail", "kill", "do-fail", "do-kill")


class _Calls:
    """The calls of this process so far."""

    def __init__(self, mode: str, number: int, log: int, gate: str = "") -> None:
        self._mode, self._number, self._log, self._gate = mode, number, log, gate
        self._next = itertools.count(1)
        self._lock = threading.Lock()

    def through(self, name: str, error: Callable[[], Exception], call: Callable[[], Any]) -> Any:
        """Make one call, or what is to happen to it."""
        with self._lock:
            here = next(self._next)
            if self._mode == "wait" and here == self._number and name.startswith("sql"):
                self._number += 1
            struck = here == self._number
            os.write(self._log, f"{name}{' *' if struck else ''}\n".encode())
        if not struck:
            return call()
        if self._mode == "wait":
            os.close(os.open(self._gate, os.O_RDONLY))
            return call()
        if self._mode.startswith("do"):
            call()
        if self._mode.endswith("kill"):
            os.kill(os.getpid(), signal.SIGKILL)
        raise error()


def install(environment: Mapping[str, str]) -> None:
    """Put the numbered calls in place of the real ones."""
    mode, _, number = environment["DATIVO_FAULT"].partition(":")
    log = os.open(environment["DATIVO_CALLS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    calls = _Calls(mode, int(number), log, environment.get("DATIVO_GATE", ""))
    _files(calls)
    _sql(calls)
    _http(calls)
    _stdout(calls)


def _broken() -> Exception:
    return OSError(5, "Input/output error")


class _Stream:
    """A file being written, whose end is a call too."""

    def __init__(self, calls: _Calls, name: str, stream: Any) -> None:
        self._calls, self._name, self._stream = calls, name, stream

    def close(self) -> None:
        if not self._stream.closed:
            self._calls.through(f"close {self._name}", _broken, self._stream.close)

    def __enter__(self) -> _Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _files(calls: _Calls) -> None:
    from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO

    real_open, real_create, real_delete = PyArrowFile.open, PyArrowFile.create, PyArrowFileIO.delete

    def open_(self: Any, *args: Any, **options: Any) -> Any:
        return calls.through(f"open {_kind(self.location)}", _broken, lambda: real_open(self, *args, **options))

    def create(self: Any, *args: Any, **options: Any) -> Any:
        kind = _kind(self.location)
        return calls.through(
            f"create {kind}", _broken, lambda: _Stream(calls, kind, real_create(self, *args, **options))
        )

    def delete(self: Any, location: Any) -> None:
        calls.through(f"delete {_kind(str(location))}", _broken, lambda: real_delete(self, location))

    PyArrowFile.open, PyArrowFile.create, PyArrowFileIO.delete = open_, create, delete  # type: ignore[method-assign]


def _kind(location: str) -> str:
    """What a file is: data, metadata, a manifest or a list of them."""
    name = location.rsplit("/", 1)[-1]
    if name.endswith(".avro"):
        return "manifest list" if name.startswith("snap-") else "manifest"
    return "metadata" if name.endswith(".json") else "data"


def _sql(calls: _Calls) -> None:
    from sqlalchemy.engine.default import DefaultDialect

    real_execute, real_commit = DefaultDialect.do_execute, DefaultDialect.do_commit

    def broken() -> Exception:
        return sqlite3.OperationalError("disk I/O error")

    def execute(self: Any, cursor: Any, statement: str, *args: Any, **options: Any) -> Any:
        words = " ".join(statement.split()[:1])
        return calls.through(f"sql {words}", broken, lambda: real_execute(self, cursor, statement, *args, **options))

    def commit(self: Any, connection: Any) -> Any:
        return calls.through("sql commit", broken, lambda: real_commit(self, connection))

    DefaultDialect.do_execute, DefaultDialect.do_commit = execute, commit  # type: ignore[method-assign]


def _http(calls: _Calls) -> None:
    import requests
    from requests.adapters import HTTPAdapter

    real = HTTPAdapter.send

    def send(self: Any, request: Any, *args: Any, **options: Any) -> Any:
        path = request.path_url.partition("?")[0].rsplit("/", 1)[-1][:20]
        return calls.through(
            f"http {request.method} {path}",
            lambda: requests.ConnectionError("connection reset"),
            lambda: real(self, request, *args, **options),
        )

    HTTPAdapter.send = send  # type: ignore[method-assign]


def _stdout(calls: _Calls) -> None:
    from target_dativo_iceberg import run

    real = run.emit

    def emit(value: bytes, stream: TextIO) -> None:
        calls.through("state", _broken, lambda: real(value, stream))

    run.emit = emit
