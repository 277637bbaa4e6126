"""Tasks on the nodes of a Ray cluster (extra `[ray]`). Ray itself retries nothing: who calls knows each attempt."""

from __future__ import annotations

import contextlib
import logging
import os
import pickle  # nosec B403
import socket
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from target_dativo_iceberg.errors import SettingsError, StoreError
from target_dativo_iceberg.spread.executor import LostWorkerError

if TYPE_CHECKING:
    from target_dativo_iceberg.settings import Settings
    from target_dativo_iceberg.spread.task import Outcome, Task

_LEAST, _MOST = 4, 128
_LISTENS_SECONDS, _CONNECT_SECONDS = 10.0, 90.0
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
        self._lock = Lock()
        self._open: set[Any] = set()
        self._cancelled = False
        # Ray prints what befalls a node to standard output, where only STATE may go.
        self._aside = contextlib.ExitStack()
        self._aside.enter_context(contextlib.redirect_stdout(sys.stderr))
        try:
            self._ray = _aside(lambda: _connected(settings.ray_address))
        except ImportError as error:
            raise SettingsError("'spread_batches' is 'ray', which is not installed", "install it with [ray]") from error
        self._remote = self._ray.remote(_run).options(num_cpus=1, max_retries=0)
        cpus = int(self._ray.cluster_resources().get("CPU", 0))
        # Some more than there are CPUs, so that none waits for us, nor one that joins later.
        self.width = min(max(_LEAST, 2 * cpus), _MOST)

    def run(self, task: Task) -> Outcome:
        """Run a task on one of the nodes and wait for it."""
        errors = self._ray.exceptions
        sent = pickle.dumps(portable(task, self._named))
        with self._lock:
            if self._cancelled:
                raise LostWorkerError("cancelled")
            reference = self._remote.remote(sent)
            self._open.add(reference)
        try:
            found: Outcome = self._ray.get(reference)
        except errors.RayTaskError as error:
            raise error.cause from None
        except errors.RayError as error:
            raise LostWorkerError(type(error).__name__) from error
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

    def close(self) -> None:
        """Leave the cluster."""
        self._ray.shutdown()
        self._aside.close()


def _run(sent: bytes) -> Outcome:
    """Stage a task on a node. Opened here, what is wrong with it is an error of ours and not of Ray's."""
    from target_dativo_iceberg.spread.staging import run  # noqa: PLC0415 - on the node

    # The driver made it; and who can send to a Ray cluster runs any code there.
    return run(pickle.loads(sent))  # noqa: S301 # nosec B301


def _aside(work: Callable[[], Any]) -> Any:
    """Return what work on a thread of its own comes to: Ray takes over the signals of the main one, and may wait long.

    Raises:
        StoreError: it takes too long.

    """
    found: Future[Any] = Future()

    def run() -> None:
        try:
            found.set_result(work())
        except BaseException as error:
            found.set_exception(error)

    Thread(target=run, name="ray", daemon=True).start()
    try:
        return found.result(_CONNECT_SECONDS)
    except TimeoutError:
        raise _unreachable("it does not answer") from None


def _unreachable(why: str) -> StoreError:
    return StoreError(
        f"no Ray cluster is to be reached ({why})",
        "start one, set ray_address, and give this process the cluster's token (RAY_AUTH_TOKEN_PATH)",
    )


def _connected(named: str | None) -> Any:
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
        raise _unreachable(type(error).__name__) from error
    return ray


def _check_listens(address: str) -> None:
    """Fail soon where nobody listens: Ray itself would try for minutes."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if colon:
        socket.create_connection((host.strip("[]"), int(port)), _LISTENS_SECONDS).close()


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
