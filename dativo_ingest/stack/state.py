"""What is known of a stack between two commands: `stack.json` in its folder, readable by its owner only."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from dativo_ingest.stack.errors import StackError
from dativo_ingest.stack.process import Process, is_running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOCK_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Server:
    """One server: its process and its ports by what they serve."""

    process: Process
    ports: dict[str, int]

    @property
    def is_running(self) -> bool:
        """Whether its process still runs."""
        return is_running(self.process)


@dataclass(frozen=True, slots=True)
class StackState:
    """Keys and servers of one stack; `servers` may name processes that have ended since."""

    durable: bool
    s3_access_key_id: str
    s3_secret_access_key: str = field(repr=False)
    servers: dict[str, Server] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder of one stack and where things lie in it."""

    root: Path

    @property
    def s3(self) -> Path:
        """Working folder of weed; its data is in `data` below."""
        return self.root / "s3"

    @property
    def nessie(self) -> Path:
        """Working folder of Nessie; with --durable its store is in `rocksdb` below."""
        return self.root / "nessie"

    def working(self, name: str) -> Path:
        """Working folder of the server `name`."""
        return self.root / name

    @property
    def state(self) -> Path:
        """The state file."""
        return self.root / "stack.json"

    @property
    def lock(self) -> Path:
        """Lock file of whoever starts or stops the servers."""
        return self.root / ".lock"

    @property
    def command_lock(self) -> Path:
        """Lock file of a command that looks first and starts or stops then."""
        return self.root / ".command.lock"

    def log(self, name: str) -> Path:
        """Log of the server `name`."""
        return self.root / f"{name}.log"

    def make(self) -> None:
        """Make the folder, for its owner only; StackError for one that holds something and is no stack."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        # what another command may have made here before the state file
        own = {self.lock.name, self.command_lock.name, _fresh(self.state).name}
        if {path.name for path in self.root.iterdir()} - own and not self.state.exists():
            raise StackError(f"{self.root} is not empty and is no stack; give an empty or a new folder.")

    def forget_data(self) -> None:
        """Delete objects and catalog of this stack; logs and the state file stay."""
        for path in (self.s3, self.nessie):
            shutil.rmtree(path, ignore_errors=True)


def new_state(*, durable: bool) -> StackState:
    """Return the state of a stack that never ran, with keys of its own."""
    return StackState(durable, secrets.token_hex(10), secrets.token_urlsafe(30))


def read_state(folder: Folder) -> StackState | None:
    """Return the saved state, None when there is none; a state file that is damaged is a StackError."""
    try:
        return msgspec.json.decode(folder.state.read_bytes(), type=StackState)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise StackError(f"{folder.state} is damaged; end its servers by hand and delete the folder.") from None


def write_state(folder: Folder, state: StackState) -> None:
    """Replace the saved state."""
    write_private(folder.state, msgspec.json.format(msgspec.json.encode(state)))


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    fresh = _fresh(path)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    fresh.replace(path)


def _fresh(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on the file `path`; wait at most five minutes for whoever has it."""
    deadline = time.monotonic() + _LOCK_SECONDS
    with path.open("a") as file:
        while not _try_lock(file.fileno()):
            if time.monotonic() > deadline:
                raise StackError(f"Another stack command holds {path}; wait for it or end it.")
            time.sleep(0.1)
        yield


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
