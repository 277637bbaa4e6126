"""Runs of the target as a child process, whole or step by step, forked from one that is warm."""

from __future__ import annotations

import array
import fcntl
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.readback import Tables

DEADLINE = 60.0


@dataclass
class Ended:
    """A run of the target that has ended.

    Attributes:
        code: exit code; negative when a signal killed it.
        out: standard output.
        log: standard error.
        report: the run report, empty when none was written.
        peak_mb: peak memory in MiB.

    """

    code: int
    out: bytes
    log: str
    report: dict[str, Any] = field(default_factory=dict)
    peak_mb: float = 0.0

    @property
    def errors(self) -> list[str]:
        """What the log says at level ERROR."""
        lines = (line.split(" | ", 3) for line in self.log.splitlines())
        return [parts[3] for parts in lines if len(parts) == 4 and parts[1].strip() == "ERROR"]

    @property
    def states(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]

    def stream(self, name: str) -> dict[str, Any]:
        return next(s for s in self.report["streams"] if s["stream"] == name)


class Child:
    """The target at work: feed it, look at what it prints, send it signals."""

    def __init__(self, server: Server, pid: int, stdin: int, files: Mapping[str, Path]) -> None:
        self._server = server
        self.pid = pid
        self._stdin = stdin
        self._files = files
        self._ended: Ended | None = None

    def feed(self, *lines: Any) -> None:
        """Write lines to its standard input; a child that has ended takes none."""
        self.feed_bytes("".join(f"{text(line)}\n" for line in lines).encode())

    def feed_bytes(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._stdin, view) :]
        except BrokenPipeError:
            return

    def unread(self) -> int:
        """Bytes of its input that it has not read yet."""
        waiting = array.array("i", [0])
        fcntl.ioctl(self._stdin, termios.FIONREAD, waiting)
        return waiting[0]

    def close(self) -> None:
        """End its input."""
        if self._stdin >= 0:
            os.close(self._stdin)
            self._stdin = -1

    @property
    def out(self) -> bytes:
        """What it has printed so far, up to the last whole line."""
        data = self._files["out"].read_bytes()
        return data[: data.rfind(b"\n") + 1]

    @property
    def states(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def log(self) -> str:
        return self._files["err"].read_text(errors="replace")

    def until(self, condition: Callable[[], Any], what: str) -> None:
        """Wait for a condition."""
        limit = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < limit, f"never happened: {what}\n{self.log}"
            time.sleep(0.01)

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def wait(self) -> Ended:
        """Wait for its end."""
        if self._ended is None:
            self.close()
            answer = self._server.ask({"pid": self.pid})
            report = self._files["report"]
            self._ended = Ended(
                answer["code"],
                self._files["out"].read_bytes(),
                self.log,
                json.loads(report.read_text()) if report.exists() else {},
                answer["peak"] / 1024,
            )
        return self._ended


class Server:
    """The warm process (see `warm.py`)."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("warm.py")), str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        theirs.close()

    def ask(self, request: Mapping[str, Any], descriptors: Iterable[int] = ()) -> dict[str, Any]:
        socket.send_fds(self._socket, [json.dumps(request).encode()], list(descriptors))
        return json.loads(self._socket.recv(1 << 16))  # type: ignore[no-any-return]

    def stop(self) -> None:
        self._socket.close()
        self._process.wait()


class Target:
    """Starts the target over one warehouse."""

    def __init__(self, server: Server, folder: Path) -> None:
        self._server = server
        self.folder = folder
        self.warehouse = folder / "warehouse"
        self._runs = 0

    def start(
        self,
        *,
        argv: list[str] | None = None,
        program: str = "target_dativo_iceberg.__main__",
        env: Mapping[str, str] | None = None,
        limits: Mapping[str, int] | None = None,
        out: int | None = None,
        err: int | None = None,
        **settings: Any,
    ) -> Child:
        """Start a run of the target, or of another program.

        `argv` replaces the config file made of the settings; `out` and `err` the files for what it prints.
        """
        self._runs += 1
        files = {kind: self.folder / f"run{self._runs}.{kind}" for kind in ("out", "err", "report", "config")}
        files["config"].write_text(
            json.dumps({"warehouse": str(self.warehouse), "report_path": str(files["report"])} | settings)
        )
        request = {
            "argv": ["--config", str(files["config"])] if argv is None else argv,
            "program": program,
            "env": dict(os.environ) | dict(env or {}),
            "cwd": str(self.folder),
            "limits": dict(limits or {}),
        }
        theirs, stdin = os.pipe()
        with files["out"].open("wb") as out_file, files["err"].open("wb") as err_file:
            ends = [theirs, out_file.fileno() if out is None else out, err_file.fileno() if err is None else err]
            pid = self._server.ask(request, ends)["pid"]
        os.close(theirs)
        return Child(self._server, pid, stdin, files)

    def published(self) -> dict[str, str]:
        """Metadata of every table by name; none in a catalog that was cut off while it was made."""
        try:
            return Tables(self.warehouse).pointers()
        except sqlite3.OperationalError:
            return {}

    def run(self, data: Any, **options: Any) -> Ended:
        """Run it over lines, bytes, or pieces of bytes from an iterator. It must not meet what it did not foresee."""
        child = self.start(**options)
        feeding = threading.Thread(target=_feed, args=(child, data))
        feeding.start()
        # The server waits for the child, which waits for its input, which the thread gives and ends.
        feeding.join()
        ended = child.wait()
        assert "Traceback" not in ended.log, ended.log
        assert "fault of the target" not in ended.log, ended.log
        return ended


def _feed(child: Child, data: Any) -> None:
    if isinstance(data, bytes):
        child.feed_bytes(data)
    elif isinstance(data, list):
        child.feed(*data)
    else:
        for piece in data:
            child.feed_bytes(piece)
    child.close()


def text(line: Any) -> str:
    """A message as a line of text."""
    return line if isinstance(line, str) else json.dumps(line)


def schema(stream: str = "a", *, keys: tuple[str, ...] = ("id",), **properties: Any) -> dict[str, Any]:
    """SCHEMA of a stream with an integer `id` and a text `s`."""
    usual = {"id": {"type": "integer"}, "s": {"type": ["string", "null"]}}
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {"properties": usual | properties},
        "key_properties": list(keys),
    }


def record(number: int, stream: str = "a", **members: Any) -> dict[str, Any]:
    """RECORD of a stream."""
    return {"type": "RECORD", "stream": stream, "record": {"id": number} | members}


def state(value: Any) -> dict[str, Any]:
    """STATE."""
    return {"type": "STATE", "value": value}
