"""The process that is attached to a Ray cluster, for the one that publishes (`on_ray`).

It reads pairs from standard input: a number and a pickled task, and a first one with the cluster's address; number 0
later on means that all is to be cancelled. What it has to say goes to standard output as `Answer`. Each is whole before
the next begins. Its input ends when it is to end: it is never left behind, whatever became of who started it.
"""

from __future__ import annotations

import logging
import os
import pickle  # nosec B403
import signal
import socket
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import IO, Any

from target_dativo_iceberg.errors import SettingsError, StoreError
from target_dativo_iceberg.spread.executor import LostWorkerError

_THREADS = 128
_LISTENS_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a task.

    Attributes:
        number: of it; 0 for the connection.
        value: pickled outcome; for the connection, how many CPUs there are.
        error: what it ended with.

    """

    number: int
    value: bytes = b""
    error: BaseException | None = None


def unreachable(why: str) -> StoreError:
    """Return the error for a cluster that is not to be reached."""
    return StoreError(
        f"no Ray cluster is to be reached ({why})",
        "start one, set ray_address, and give this process the cluster's token (RAY_AUTH_TOKEN_PATH)",
    )


def main() -> None:
    """Serve until the input ends."""
    # Ray prints what befalls a node to standard output, where only answers may go.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    asked = sys.stdin.buffer
    driver = _Attached(answers)
    if not driver.answer(0, lambda: driver.attach(pickle.load(asked)[1])):  # noqa: S301 # nosec B301
        return
    # Ray asks for SIGTERM itself; who is to end hears it from its input.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with ThreadPoolExecutor(_THREADS, "task") as pool:
        try:
            while True:
                number, task = pickle.load(asked)  # noqa: S301 # nosec B301
                if number:
                    pool.submit(driver.answer, number, lambda task=task: driver.run(task))  # type: ignore[misc]
                else:
                    driver.cancel()
        except EOFError:
            driver.leave()
            os._exit(0)  # threads may wait for what never comes


class _Attached:
    """A driver of Ray.

    Args:
        answers: where it says what became of tasks.

    """

    def __init__(self, answers: IO[bytes]) -> None:
        self._answers = answers
        self._lock, self._writing = Lock(), Lock()
        self._open: set[Any] = set()
        self._cancelled = False

    def attach(self, address: str) -> bytes:
        """Join the cluster; how many CPUs it has."""
        try:
            self._ray = _connected(address)
        except ImportError as error:
            raise SettingsError("'spread_batches' is 'ray', which is not installed", "install it with [ray]") from error
        self._remote = self._ray.remote(_run).options(num_cpus=1, max_retries=0)
        return pickle.dumps(int(self._ray.cluster_resources().get("CPU", 0)))

    def answer(self, number: int, work: Callable[[], bytes]) -> bool:
        """Say what a piece of work comes to; whether it came to an end that is good."""
        try:
            found = Answer(number, work())
        except BaseException as error:
            found = Answer(number, error=_carried(error))
        whole = pickle.dumps(found)
        with self._writing:
            self._answers.write(whole)
            self._answers.flush()
        return found.error is None

    def run(self, task: bytes) -> bytes:
        """Run a task on one of the nodes and wait for it."""
        errors = self._ray.exceptions
        with self._lock:
            if self._cancelled:
                raise LostWorkerError("cancelled")
            reference = self._remote.remote(task)
            self._open.add(reference)
        try:
            found: bytes = self._ray.get(reference)
        except errors.RayTaskError as error:
            raise error.cause from None
        except errors.RayError as error:
            raise LostWorkerError(type(error).__name__) from None
        finally:
            with self._lock:
                self._open.discard(reference)
        return found

    def cancel(self) -> None:
        """Interrupt the tasks under way; each deletes what it wrote."""
        with self._lock:
            self._cancelled = True
            for reference in self._open:
                self._ray.cancel(reference)

    def leave(self) -> None:
        """Interrupt what is under way and leave the cluster."""
        self.cancel()
        self._ray.shutdown()


def _carried(error: BaseException) -> BaseException:
    """Return an error as it can be sent: who waits must hear of any."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 # nosec B301
    except Exception:
        return RuntimeError(f"{type(error).__name__} on a node of Ray")
    return error


def _run(sent: bytes) -> bytes:
    """Stage a task on a node. Opened here, what is wrong with it is an error of ours and not of Ray's."""
    from target_dativo_iceberg.spread.staging import run  # noqa: PLC0415 - on the node

    # The load made it; and who can send to a Ray cluster runs any code there.
    return pickle.dumps(run(pickle.loads(sent)))  # noqa: S301 # nosec B301


def _connected(named: str) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray  # noqa: PLC0415 - an extra, and half a second

    address = named or os.environ.get("RAY_ADDRESS") or "auto"
    try:
        _check_listens(address)
        ray.init(
            address=address,
            logging_level=logging.ERROR,
            log_to_driver=False,
            configure_logging=False,
        )
    except (ConnectionError, RuntimeError, ValueError, TimeoutError, OSError, ray.exceptions.RayError) as error:
        raise unreachable(type(error).__name__) from None
    return ray


def _check_listens(address: str) -> None:
    """Fail soon where nobody listens: Ray itself would try for minutes."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if colon:
        socket.create_connection((host.strip("[]"), int(port)), _LISTENS_SECONDS).close()
