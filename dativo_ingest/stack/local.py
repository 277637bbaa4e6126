"""One local stack: SeaweedFS for S3 and, on it, Nessie."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from dativo_ingest.stack import archive, parts, process, servers
from dativo_ingest.stack.errors import StackError
from dativo_ingest.stack.state import Folder, Server, StackState, locked, new_state, read_state, write_state

if TYPE_CHECKING:
    from types import TracebackType

_STARTS = 3
_GRACE_SECONDS = 20.0
_SHORT_GRACE_SECONDS = 1.5
_RECORDING_GRACE_SECONDS = 120.0


class LocalStack:
    """A running stack; as a context manager it stops its servers at the end.

    Its servers are killed when the thread that started them ends, unless they were started detached.
    """

    def __init__(self, folder: Folder, state: StackState, *, tied: bool) -> None:
        self._folder = folder
        self._state = state
        self._tied = tied

    @classmethod
    def start(
        cls, directory: Path | str, *, durable: bool = False, with_nessie: bool = True, detached: bool = False
    ) -> Self:
        """Start a stack in `directory` (new, empty, or a stack's) and return it when its servers are ready.

        A durable stack keeps its data, keys and, where they are free, its ports over a stop.
        """
        parts.find_weed()
        folder = Folder(Path(directory).resolve())
        folder.make()
        with locked(folder.lock), ExitStack() as undo:
            names = ("s3", "nessie") if with_nessie else ("s3",)
            stack = cls(folder, _state_to_start(folder, names, durable=durable), tied=not detached)
            undo.callback(stack._stop)
            for name in names:
                stack._start(name)
            undo.pop_all()
        return stack

    @classmethod
    def open(cls, directory: Path | str) -> Self | None:
        """Return the stack of `directory`, running or not; None where there never was one."""
        folder = Folder(Path(directory).resolve())
        state = read_state(folder)
        return None if state is None else cls(folder, state, tied=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop the servers for certain; the data of a stack that is not durable is deleted."""
        with locked(self._folder.lock):
            self._stop()
            if not self._state.durable:
                self._folder.forget_data()

    @property
    def durable(self) -> bool:
        """Whether the stack keeps its data when it stops."""
        return self._state.durable

    @property
    def nessie_uri(self) -> str:
        """Nessie's REST API v2."""
        return f"{self._nessie_host}/api/v2"

    def iceberg_uri(self, branch: str) -> str:
        """Return the Iceberg REST catalog that shows `branch`."""
        return f"{self._nessie_host}/iceberg/{quote(branch, safe='')}"

    @property
    def nessie_warehouse(self) -> str:
        """Nessie's name of the warehouse."""
        return servers.BUCKET

    @property
    def warehouse(self) -> str:
        """The warehouse as the URI of a folder."""
        return f"s3://{servers.BUCKET}/"

    @property
    def bucket(self) -> str:
        """The bucket that exists from the start."""
        return servers.BUCKET

    @property
    def s3_endpoint(self) -> str:
        """The S3 server's address."""
        return f"http://127.0.0.1:{self._server('s3').ports['s3']}"

    @property
    def s3_region(self) -> str:
        """The region to give to S3 clients."""
        return servers.REGION

    @property
    def s3_access_key_id(self) -> str:
        """The access key of this stack only."""
        return self._state.s3_access_key_id

    @property
    def s3_secret_access_key(self) -> str:
        """The secret key of this stack only."""
        return self._state.s3_secret_access_key

    def target_settings(self, branch: str = "main") -> dict[str, str]:
        """Return the settings with which target-dativo-iceberg writes to `branch` of this stack."""
        settings = {
            "warehouse": self.warehouse,
            "s3_endpoint": self.s3_endpoint,
            "s3_region": self.s3_region,
            "s3_access_key_id": self.s3_access_key_id,
            "s3_secret_access_key": self.s3_secret_access_key,
        }
        if "nessie" not in self._state.servers:
            return settings
        nessie = {"nessie_uri": self.nessie_uri, "nessie_warehouse": self.nessie_warehouse, "branch": branch}
        return nessie | settings

    @property
    def processes(self) -> dict[str, Server]:
        """The servers by name, `s3` and `nessie`, as they were last started."""
        return dict(self._state.servers)

    @property
    def nessie_pid(self) -> int:
        """Process id of Nessie (for SIGSTOP and the like); it leads a process group of its own."""
        return self._server("nessie").process.pid

    @property
    def s3_pid(self) -> int:
        """Process id of the S3 server; it leads a process group of its own."""
        return self._server("s3").process.pid

    def condition(self, name: str) -> str:
        """Return `up`, `silent` (it runs but is not ready) or `down` for one server."""
        server = self._server(name)
        if not server.is_running:
            return "down"
        return "up" if servers.is_ready(name, server) else "silent"

    def kill_nessie(self) -> None:
        """SIGKILL Nessie and wait until it is gone."""
        process.kill(self._server("nessie").process)

    def restart_nessie(self) -> None:
        """Start Nessie again on the same ports, after stopping it if it runs; only a durable one keeps its data."""
        self._stop_servers("nessie")
        self._start("nessie")

    def kill_s3(self) -> None:
        """SIGKILL the S3 server and wait until it is gone."""
        process.kill(self._server("s3").process)

    def restart_s3(self) -> None:
        """Start the S3 server again on the same ports, after stopping it if it runs; its data is still there."""
        self._stop_servers("s3")
        self._start("s3")

    @property
    def _nessie_host(self) -> str:
        return f"http://127.0.0.1:{self._server('nessie').ports['http']}"

    def _server(self, name: str) -> Server:
        try:
            return self._state.servers[name]
        except KeyError:
            raise StackError(f"This stack has no {name} server; start it with one.") from None

    def _start(self, name: str) -> None:
        """Start one server, on its last ports if they are free, and wait until it is ready."""
        known = self._state.servers.get(name)
        ports = known.ports if known and servers.all_free(known.ports) else servers.choose_ports(name)
        for start in range(_STARTS):
            server = servers.spawn_server(name, self._folder, self._state, ports, tied=self._tied)
            self._remember(name, server)
            try:
                servers.wait_ready(name, server, self._folder.log(name))
            except StackError:
                # another program may have taken one of the ports since we looked
                if start + 1 == _STARTS or server.is_running or servers.all_free(ports):
                    raise
                _tidy({name: server})
                ports = servers.choose_ports(name)
            else:
                return

    def _remember(self, name: str, server: Server) -> None:
        self._state = replace(self._state, servers={**self._state.servers, name: server})
        write_state(self._folder, self._state)

    def _stop(self) -> None:
        self._stop_servers(*self._state.servers)

    def _stop_servers(self, *names: str) -> None:
        stopping = {name: self._server(name) for name in names}
        running = {server.process: self._grace(name) for name, server in stopping.items() if server.is_running}
        recording = archive.is_recording(self._folder.nessie)
        killed = process.stop(running)
        _tidy(stopping)
        if recording and "nessie" in stopping and stopping["nessie"].process in running.keys() - killed:
            archive.keep_recorded_archive(self._folder.nessie)

    def _grace(self, name: str) -> float:
        if name == "nessie" and archive.is_recording(self._folder.nessie):
            return _RECORDING_GRACE_SECONDS
        # weed takes 11 s to end after its first minute, which is worth nothing where its data is not kept
        return _GRACE_SECONDS if name == "nessie" or self._state.durable else _SHORT_GRACE_SECONDS


def _state_to_start(folder: Folder, names: tuple[str, ...], *, durable: bool) -> StackState:
    known = read_state(folder)
    if known and any(server.is_running for server in known.servers.values()):
        raise StackError(f"The stack in {folder.root} runs already; stop it first (dativo stack down).")
    _tidy(known.servers if known else {})
    if known and known.durable:
        return replace(known, servers={name: known.servers[name] for name in names if name in known.servers})
    folder.forget_data()
    state = new_state(durable=durable)
    write_state(folder, state)
    return state


def _tidy(ended: dict[str, Server]) -> None:
    if "s3" in ended:
        servers.remove_s3_sockets(ended["s3"].ports)
