"""A real Prometheus that scrapes textfiles, as the node exporter hands them on, and answers expressions."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.running_server import Quiet, Running

PROGRAM = Path(__file__).resolve().parents[2] / ".cache" / "prometheus" / "usr" / "bin" / "prometheus"
_CONFIG = {"scrape_interval": "1s", "scrape_timeout": "1s"}


class _Textfiles(Running):
    """Serves all textfiles of a folder as one page, as the node exporter's textfile collector does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(_Page)


class _Page(Quiet):
    server: _Textfiles

    def do_GET(self) -> None:
        body = b"".join(path.read_bytes() for path in sorted(self.server.folder.glob("*.prom")))
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@dataclass(frozen=True)
class Prometheus:
    """A Prometheus that has scraped."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def ask(self, expression: str, at: float | None = None) -> list[dict[str, Any]]:
        """What an expression gives, at a time in seconds since 1970, or now."""
        query = urlencode({"query": expression} | ({} if at is None else {"time": str(at)}))
        with urllib.request.urlopen(f"{self.url}/api/v1/query?{query}", timeout=30) as answer:
            found = json.load(answer)
        assert found["status"] == "success", found
        return list(found["data"]["result"])

    def until_scraped(self) -> None:
        while not self._scraped():
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)

    def _scraped(self) -> bool:
        try:
            return len(self.ask("up == 1")) == 2
        except (urllib.error.URLError, ConnectionError):
            return False


@contextmanager
def scraping(textfiles: Path, folder: Path, *options: str) -> Iterator[Prometheus]:
    """Run Prometheus on a free port of 127.0.0.1 until the block ends; it has scraped the textfiles of a folder.

    It does so twice: as `node` by its defaults, and as `kept` with `honor_labels`.

    Args:
        textfiles: their folder.
        folder: for what Prometheus keeps.
        options: of its command line.

    """
    assert PROGRAM.exists(), "Prometheus is missing: `make test` takes it out of the Debian package prometheus"
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{one.getsockname()[1]}"
    folder.mkdir()
    served = _Textfiles(textfiles)
    targets = {"static_configs": [{"targets": [served.url.removeprefix("http://")]}]}
    jobs = [{"job_name": "node"} | targets, {"job_name": "kept", "honor_labels": True} | targets]
    # JSON is YAML too.
    (folder / "prometheus.yml").write_text(json.dumps({"global": _CONFIG, "scrape_configs": jobs}))
    where = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    where.append("--scrape.discovery-reload-interval=100ms")  # a new target is scraped after this, not after 5 s
    log = folder / "log"
    with log.open("wb") as out:
        command = [PROGRAM, *where, f"--web.listen-address={address}", *options]
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out)
    try:
        found = Prometheus(f"http://{address}", process, log)
        found.until_scraped()
        yield found
    finally:
        process.kill()
        process.wait()
        served.stop()
