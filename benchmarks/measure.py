"""Whole-process figures of a command fed by `cat file |`: wall and CPU seconds, peak memory.

The command is started by a launcher of its own (this file, as a program, standard library only): Linux counts
the memory of the process that forks in the peak of what it starts, and the bench itself holds Arrow and DuckDB.
"""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Usage:
    """What the kernel says of one finished run.

    Attributes:
        wall: seconds from just before the start to the end of the process.
        user: CPU seconds in user mode, with waited-for children, without `cat`.
        system: CPU seconds in the kernel, likewise.
        peak_mib: largest resident set of the process (or of a waited-for child), MiB.
        exit_code: as the shell counts it; 128 + n after signal n.
        timed_out: killed because the time was up.
        others: share of all cores that other processes took meanwhile, 0 to 1.

    """

    wall: float
    user: float
    system: float
    peak_mib: float
    exit_code: int
    timed_out: bool
    others: float

    @property
    def cpu(self) -> float:
        """CPU seconds, user and system."""
        return self.user + self.system


def run(command: list[str], source: Path | None, work: Path, pycache: Path, timeout: float = 1800) -> Usage:
    """Run a command once; its output goes to `stdout` and `stderr` in the work folder.

    Python bytecode of every command is kept under `pycache`, because environments differ in whether they were
    compiled at installation and PYTHONDONTWRITEBYTECODE may be set: without this, imports alone decide short runs.
    """
    environment = os.environ | {"PYTHONPYCACHEPREFIX": str(pycache.absolute()), "PYTHONHASHSEED": "0"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    order = {"command": command, "source": source and str(source), "work": str(work), "timeout": timeout}
    done = subprocess.run(
        [sys.executable, "-S", __file__, json.dumps(order)], env=environment, check=True, stdout=subprocess.PIPE
    )
    return Usage(**json.loads(done.stdout))


def _launch(command: list[str], source: str | None, work: str, timeout: float) -> dict[str, float | int | bool]:
    began, busy = time.monotonic(), _busy_seconds()
    cat, stdin = _cat(source)
    files = [
        (os.POSIX_SPAWN_DUP2, stdin, 0),
        _output(f"{work}/stdout", 1),
        _output(f"{work}/stderr", 2),
    ]
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=files)
    os.close(stdin)
    late = _kill_after(timeout, pid)
    _, status, used = os.wait4(pid, 0)
    wall = time.monotonic() - began
    signal.setitimer(signal.ITIMER_REAL, 0)
    fed = sum(os.wait4(cat, 0)[2][:2]) if cat else 0.0
    others = _busy_seconds() - busy - used.ru_utime - used.ru_stime - fed
    code = os.waitstatus_to_exitcode(status)
    return {
        "wall": wall,
        "user": used.ru_utime,
        "system": used.ru_stime,
        "peak_mib": used.ru_maxrss / 1024,
        "exit_code": code if code >= 0 else 128 - code,
        "timed_out": bool(late),
        "others": max(others, 0.0) / wall / (os.cpu_count() or 1),
    }


def _busy_seconds() -> float:
    """CPU seconds of all processes on the machine since it started, with what a hypervisor took."""
    with Path("/proc/stat").open() as stat:
        user, nice, system, _, _, interrupts, soft, stolen = map(int, stat.readline().split()[1:9])
    return (user + nice + system + interrupts + soft + stolen) / os.sysconf("SC_CLK_TCK")


def _cat(source: str | None) -> tuple[int, int]:
    """Process id of `cat` (0: none) and the descriptor to read from."""
    if source is None:
        return 0, os.open(os.devnull, os.O_RDONLY)
    reader, writer = os.pipe()
    # a command that ends early is told of by its exit code; the complaint of `cat` would only blur it
    files = [(os.POSIX_SPAWN_DUP2, writer, 1), (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)]
    cat = os.posix_spawnp("cat", ["cat", source], os.environ, file_actions=files)
    os.close(writer)
    return cat, reader


def _output(path: str, descriptor: int) -> tuple[int, int, str, int, int]:
    return (os.POSIX_SPAWN_OPEN, descriptor, path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)


def _kill_after(seconds: float, pid: int) -> list[int]:
    late: list[int] = []

    def kill(number: int, _: object) -> None:
        late.append(number)
        os.kill(pid, signal.SIGKILL)

    signal.signal(signal.SIGALRM, kill)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    return late


if __name__ == "__main__":
    print(json.dumps(_launch(**json.loads(sys.argv[1]))))
