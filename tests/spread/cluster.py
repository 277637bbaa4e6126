"""A Ray cluster of this machine: a head and nodes of one CPU, each a session of processes that can be lost at once.

Run it inside of `isolation.command` only. A node's processes are found by their session: Ray gives some of them process
groups of their own.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

HOST, PORT = "127.0.0.1", 6379  # nobody else is in this network
_STORE_BYTES = 80 << 20  # Ray takes no less than 75 MiB
_PATIENCE = 120.0
_HALTING = Path(__file__).with_name("halting")


class Cluster:
    """Starts on entering, ends on leaving; `environment` is what a driver needs.

    Args:
        nodes: how many nodes of one CPU; the first is the head, which is where a driver joins.

    """

    def __init__(self, nodes: int = 2) -> None:
        self._count = nodes
        self._nodes: list[subprocess.Popen[bytes]] = []
        # Short and of no other's choice: the sockets below it have paths of 107 bytes at most.
        self._folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
        token = self._folder / "token"
        token.write_text(secrets.token_hex(32))
        token.chmod(0o600)
        self.environment = os.environ | {
            "RAY_ADDRESS": f"{HOST}:{PORT}",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
            # A node that does not answer is lost after two seconds, not half a minute.
            "RAY_health_check_initial_delay_ms": "1000",
            "RAY_health_check_period_ms": "500",
            "RAY_health_check_timeout_ms": "2000",
            "RAY_health_check_failure_threshold": "3",
            # And a head is looked for two seconds, not a minute.
            "RAY_gcs_rpc_server_reconnect_timeout_s": "2",
        }

    def __enter__(self) -> Self:
        try:
            self._start("--head", f"--port={PORT}", "--include-dashboard=false")
            self._until(lambda: _listens(PORT), "the head listens")
            for _ in range(1, self._count):
                self._start(f"--address={HOST}:{PORT}")
            self._until(lambda: all("Ray runtime started" in self._said(i) for i in range(self._count)), "nodes start")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def kill_node(self, number: int) -> None:
        """Lose a node: no process of it gets to say a word."""
        node = self._nodes[number]
        until(lambda: not _signalled(node.pid, signal.SIGKILL), "the node's processes are gone")
        node.wait()

    def halt(self, number: int) -> None:
        """Have the next worker of a node that writes to a file stop there (see `halting`)."""
        self._flag(number).touch()

    def is_to_halt(self, number: int) -> bool:
        """Whether none has stopped since that was asked for."""
        return self._flag(number).exists()

    def halted(self, number: int) -> list[int]:
        """Workers of a node that have stopped."""
        found = []
        for pid in _session(self._nodes[number].pid):
            with contextlib.suppress(OSError):
                if _stat(pid)[0] == "T":
                    found.append(pid)
        return found

    def cpu_seconds(self) -> dict[int, float]:
        """What each process of the nodes that is there took so far, user and system."""
        found = {}
        for node in self._nodes:
            for pid in _session(node.pid):
                with contextlib.suppress(OSError):
                    found[pid] = sum(map(int, _stat(pid)[11:13])) / os.sysconf("SC_CLK_TCK")
        return found

    def stop(self) -> None:
        """End all nodes, the head last, and drop what they have written."""
        for number in reversed(range(len(self._nodes))):
            self.kill_node(number)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, *options: str) -> None:
        number = len(self._nodes)
        command = [str(Path(sys.executable).with_name("ray")), "start", "--block", *options]
        command += [f"--node-ip-address={HOST}", "--num-cpus=1", f"--object-store-memory={_STORE_BYTES}"]
        command += ["--disable-usage-stats", "--include-log-monitor=false", f"--temp-dir={self._folder}"]
        halting = {
            "PYTHONPATH": f"{_HALTING}:{os.environ.get('PYTHONPATH', '')}",
            "SPREAD_HALT": str(self._flag(number)),
        }
        with self._log(number).open("wb") as log:
            self._nodes.append(
                subprocess.Popen(
                    command,
                    env=self.environment | halting,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )

    def _flag(self, number: int) -> Path:
        return self._folder / f"halt{number}"

    def _log(self, number: int) -> Path:
        return self._folder / f"node{number}.log"

    def _said(self, number: int) -> str:
        return self._log(number).read_text(errors="replace")

    def _until(self, condition: Callable[[], object], what: str) -> None:
        """Wait for a condition, unless a node ends before it is met."""
        until(lambda: condition() or any(node.poll() is not None for node in self._nodes), what)
        for number, node in enumerate(self._nodes):
            if node.poll() is not None:
                raise RuntimeError(f"a node of Ray ended: {self._said(number)}")


def until(condition: Callable[[], object], what: str, log: Callable[[], str] = str) -> None:
    """Wait for a condition; it comes true within two minutes or never. What a log says by then is said with it."""
    limit = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > limit:
            raise TimeoutError(f"never happened: {what}\n{log()}")
        time.sleep(0.02)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _signalled(session: int, number: signal.Signals) -> bool:
    """Send a signal to all processes of a session; whether there were any."""
    pids = list(_session(session))
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    return bool(pids)


def _session(leader: int) -> Iterator[int]:
    """Yield the living processes of a session."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state, _, _, session = _stat(int(entry.name))[:4]
                if int(session) == leader and state not in "ZX":
                    yield int(entry.name)


def _stat(pid: int) -> list[str]:
    """What the kernel says of a process after its name, which may hold anything: state, parent, group, session, …"""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
