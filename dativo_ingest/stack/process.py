"""Server processes: start one in a group of its own, know it again later, stop it for certain (Linux)."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from dativo_ingest.stack.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TETHER = Path(__file__).with_name("tether.py")
_POLL_SECONDS = 0.03
_LISTENING = "0A"


@dataclass(frozen=True, slots=True)
class Process:
    """A process and when it began, so that a later process with the same id is not taken for it."""

    pid: int
    started: str


def spawn(command: Sequence[str | Path], *, folder: Path, log: Path, tied: bool) -> Process:
    """Start `command` in `folder` as leader of a new session, its output appended to `log`.

    A tied process is killed by the kernel when the calling thread ends; any other outlives us.
    """
    parent = str(os.getpid() if tied else 0)
    words = [sys.executable, "-I", "-S", str(_TETHER), parent, str(folder), *map(str, command)]
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        pid = os.posix_spawn(words[0], words, os.environ, file_actions=_streams(output), setsid=True)
    finally:
        os.close(output)
    return Process(pid, _start_of(pid) or "")


def _streams(output: int) -> list[tuple[int, int, str, int, int] | tuple[int, int, int]]:
    return [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, output, 1),
        (os.POSIX_SPAWN_DUP2, output, 2),
    ]


def is_running(process: Process) -> bool:
    """Tell whether this very process still runs; a zombie does not."""
    with suppress(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)
    return process.started != "" and _start_of(process.pid) == process.started


def _start_of(pid: int) -> str | None:
    """Return what no other process has: boot id and start tick; None for a process that is gone or dead."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, threads, start = itemgetter(0, 17, 19)(stat.rpartition(")")[2].split())
    # a process is a zombie as soon as its first thread has ended; its others may still hold files and ports
    return None if state in "ZX" and int(threads) <= 1 else f"{boot}:{start}"


def stop(graces: Mapping[Process, float]) -> list[Process]:
    """End the groups of these processes: SIGTERM to all, SIGKILL to those still there after their seconds of grace.

    Returns the processes that had to be killed.
    """
    for process in filter(is_running, graces):
        # a stopped process acts on SIGTERM only once it is continued
        _signal_group(process, signal.SIGTERM, signal.SIGCONT)
    asked = time.monotonic()
    killed = []
    for process in sorted(graces, key=graces.__getitem__):
        if not wait_gone([process], asked + graces[process] - time.monotonic()):
            kill(process)
            killed.append(process)
    return killed


def kill(process: Process) -> None:
    """SIGKILL the group of `process` and wait until it is gone."""
    if is_running(process):
        _signal_group(process, signal.SIGKILL)
    if not wait_gone([process], 10):
        raise StackError(f"Process {process.pid} survived SIGKILL; the machine may be out of I/O, look at it.")


def _signal_group(process: Process, *signals: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        for number in signals:
            os.killpg(process.pid, number)


def wait_gone(processes: Sequence[Process], seconds: float) -> bool:
    """Wait at most `seconds` for all of these to end; True if they did."""
    deadline = time.monotonic() + seconds
    while any(is_running(process) for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def listening_ports(process: Process) -> set[int]:
    """Return the TCP ports on which this process itself listens (a port may answer and be another's)."""
    sockets = _socket_inodes(process.pid)
    lines = [line.split() for table in ("tcp", "tcp6") for line in _rows(process.pid, table)]
    return {int(row[1].rpartition(":")[2], 16) for row in lines if row[3] == _LISTENING and row[9] in sockets}


def _rows(pid: int, table: str) -> list[str]:
    try:
        return Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
    except OSError:
        return []


def _socket_inodes(pid: int) -> set[str]:
    found = set()
    with suppress(OSError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                found.update(re.findall(r"socket:\[(\d+)\]", str(entry.readlink())))
    return found
