"""Tasks on the nodes of a Ray cluster (extra `[ray]`). Ray itself retries nothing: who calls knows each attempt.

Ray ends the process that is attached to it on the spot when it has lost the head, by `_exit`, which nothing hinders. So
a process of its own is attached (`ray_driver`), and what it is told and answers goes through pipes: when it is gone,
this one says so.
"""

from __future__ import annotations

import contextlib
import itertools
import pickle  # nosec B403
import subprocess  # nosec B404
import sys
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace
from threading import Lock, Thread
from typing import IO, TYPE_CHECKING

from target_dativo_iceberg.errors import ClusterLostError
from target_dativo_iceberg.spread.executor import LostWorkerError
from target_dativo_iceberg.spread.ray_driver import unreachable

if TYPE_CHECKING:
    from target_dativo_iceberg.settings import Settings
    from target_dativo_iceberg.spread.ray_driver import Answer
    from target_dativo_iceberg.spread.task import Outcome, Task

_LEAST, _MOST = 4, 128
_CONNECT_SECONDS, _LEAVE_SECONDS = 90.0, 10.0
# By its name: classes of `__main__` could not be read here.
_PROGRAM = "from target_dativo_iceberg.spread.ray_driver import main; main()"
# Of file systems; what catalogs know of themselves is nothing for a worker.
_STORES = ("s3.", "client.", "gcs.", "adls.", "hdfs.")
_SECRETS = ("secret", "token", "access-key", "password", "credential", "account-key", "connection-string", "sas")


class OnRay:
    """A Ray cluster that is there.

    Args:
        settings: of the run: `ray_address`.
        named: PyIceberg's properties that the settings make.

    Raises:
        SettingsError: Ray is not installed.
        StoreError: there is no cluster.

    """

    def __init__(self, settings: Settings, named: Mapping[str, str]) -> None:
        self._named = named
        self._driver = _Driver(settings.ray_address)
        # Some more than there are CPUs, so that none waits for us, nor one that joins later.
        self.width = min(max(_LEAST, 2 * self._driver.cpus), _MOST)

    def run(self, task: Task) -> Outcome:
        """Run a task on one of the nodes and wait for it."""
        found: Outcome = pickle.loads(self._driver.ask(pickle.dumps(portable(task, self._named))))  # noqa: S301 # nosec B301
        return found

    def cancel(self) -> None:
        """Interrupt the tasks under way; each deletes what it wrote."""
        self._driver.cancel()

    def close(self) -> None:
        """Leave the cluster."""
        self._driver.close()


class _Driver:
    """The process that is attached to the cluster.

    Args:
        address: of the cluster; None for the usual one.

    Attributes:
        cpus: how many the cluster has.

    Raises:
        SettingsError: Ray is not installed.
        StoreError: there is no cluster.

    """

    def __init__(self, address: str | None) -> None:
        # A session of its own: a signal to the terminal's programs is for this process to answer.
        self._process = subprocess.Popen(  # noqa: S603 # nosec B603
            [sys.executable, "-P", "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._lock, self._writing = Lock(), Lock()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Future[bytes]] = {0: Future()}
        self._gone = False
        self._cancelled = False
        attached = self._waiting[0]
        Thread(target=self._hear, name="ray", daemon=True).start()
        try:
            self._say((0, address or ""))
            self.cpus: int = pickle.loads(attached.result(_CONNECT_SECONDS))  # noqa: S301 # nosec B301
        except TimeoutError:
            self._process.kill()
            raise unreachable("it does not answer") from None
        except ClusterLostError:
            raise unreachable("it ended the connection") from None
        finally:
            if not attached.done() or attached.exception():
                self.close()

    def ask(self, task: bytes) -> bytes:
        """Have a task done, and wait for what became of it.

        Raises:
            DativoError: as the task does.
            LostWorkerError: its worker ended, or all is cancelled.
            ClusterLostError: the cluster is gone.

        """
        answer: Future[bytes] = Future()
        with self._lock:
            if self._cancelled:
                raise LostWorkerError("cancelled")
            if self._gone:
                raise _lost()
            number = next(self._numbers)
            self._waiting[number] = answer
        self._say((number, task))
        return answer.result()

    def cancel(self) -> None:
        """Interrupt all tasks."""
        with self._lock:
            self._cancelled = True
        self._say((0, b""))

    def close(self) -> None:
        """End the process: what it reads ends, and if it does not take that for an answer it is killed."""
        with contextlib.suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]
        try:
            self._process.wait(_LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _say(self, what: tuple[int, bytes | str]) -> None:
        """Say something; that the other side is gone is found out where its answers are read."""
        pipe = self._process.stdin
        with self._writing, contextlib.suppress(OSError, ValueError):
            pickle.dump(what, pipe)  # type: ignore[arg-type]
            pipe.flush()  # type: ignore[union-attr]

    def _hear(self) -> None:
        """Hand on answers until there are no more, which is when the process has ended."""
        pipe: IO[bytes] = self._process.stdout  # type: ignore[assignment]
        try:
            with pipe, contextlib.suppress(EOFError, OSError, pickle.UnpicklingError):
                while True:
                    self._answered(pickle.load(pipe))  # noqa: S301 # nosec B301
        finally:
            with self._lock:
                self._gone = True
                left = [*self._waiting.values()]
                self._waiting.clear()
            for answer in left:
                answer.set_exception(_lost())

    def _answered(self, answer: Answer) -> None:
        with self._lock:
            future = self._waiting.pop(answer.number)
        if answer.error is None:
            future.set_result(answer.value)
        else:
            future.set_exception(answer.error)


def _lost() -> ClusterLostError:
    return ClusterLostError(
        "the Ray cluster is lost: its head, or the node that this load had joined, died; the open epoch is not "
        "published",
        "start the cluster anew and run again from the last STATE; `dativo maintain --remove-orphans` removes files "
        "that its workers left",
    )


def portable(task: Task, named: Mapping[str, str]) -> Task:
    """Return a task without secrets: nodes have keys of their own.

    Args:
        task: to be sent.
        named: PyIceberg's properties that the settings make.

    Raises:
        SettingsError: the nodes' keys would go to an endpoint that the settings do not name.

    """
    from target_dativo_iceberg.ambient_keys import store_properties  # noqa: PLC0415 - only here

    targets = []
    for target in (task.good, task.bad):
        open_to_all = {k: v for k, v in target.io.properties.items() if _is_open(k)}
        file_system = type(target.io)(store_properties(named, open_to_all))
        targets.append(replace(target, io=file_system))
    return replace(task, good=targets[0], bad=targets[1])


def _is_open(name: str) -> bool:
    return name.startswith(_STORES) and not any(word in name for word in _SECRETS)
