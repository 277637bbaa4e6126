"""Memory behind a store that is slow: the `ten` stream onto a local S3, and through a pipe of few bytes a second.

What the target cannot get rid of it must not take in: its memory is to stay what it is, only its time to grow.
"""

import asyncio
import contextlib
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks import data, measure, readback
from benchmarks.cases import PYCACHE, SCRATCH
from benchmarks.data import Stream
from benchmarks.measure import Usage
from benchmarks.runners import OURS, write_config
from dativo_ingest.stack import LocalStack

RECORDS = 3_000_000
MIB_A_SECOND = 2
_CHUNK = 64 << 10


@dataclass(frozen=True)
class Figure:
    """One load; `rate` is what the store takes, in MiB a second, 0 for all that comes."""

    rate: int
    stream: Stream
    usage: Usage


def results(records: int = RECORDS, rate: int = MIB_A_SECOND) -> list[Figure]:
    """Load onto the store as it is, and onto the slow one."""
    stream = data.make("ten", records)
    with (
        tempfile.TemporaryDirectory(prefix="dativo-bench-") as folder,
        LocalStack.start(folder, with_nessie=False) as stack,
        slowed(stack.s3_endpoint, rate << 20) as slow,
    ):
        return [_load(stack, stack.s3_endpoint, stream, 0), _load(stack, slow, stream, rate)]


def lines(figures: list[Figure]) -> list[str]:
    """Return the figures as lines of text."""
    return [
        f"  {f'{f.rate} MiB/s' if f.rate else 'as it is':>9}: {f.stream.records:,} records in {f.usage.wall:5.1f} s, "
        f"{f.usage.cpu:5.1f} s CPU, {f.usage.peak_mib:4.0f} MiB"
        for f in figures
    ]


def _load(stack: LocalStack, endpoint: str, stream: Stream, rate: int) -> Figure:
    work = SCRATCH.absolute() / "slow-store"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    warehouse = f"s3://{stack.bucket}/rate-{rate}"
    settings = stack.target_settings() | {"warehouse": warehouse, "s3_endpoint": endpoint}
    catalog = {"type": "sql", "uri": f"sqlite:///{work}/catalog.db"}
    config = write_config(work, settings | {"catalog": catalog, "contract_path": str(stream.contract.absolute())})
    command = [str(Path(sys.executable).with_name(OURS)), "--config", config]
    usage = measure.run(command, stream.path, work, PYCACHE)
    if usage.exit_code:
        raise readback.Mismatch(f"the target ended with exit code {usage.exit_code}: {work}/stderr")
    found = _read_back(stack, work / "catalog.db")
    if found != (stream.records, stream.id_sum):
        raise readback.Mismatch(f"read back {found}, expected {(stream.records, stream.id_sum)}")
    shutil.rmtree(work)
    return Figure(rate, stream, usage)


def _read_back(stack: LocalStack, catalog: Path) -> tuple[int, int]:
    with contextlib.closing(sqlite3.connect(catalog)) as connection:
        ((location,),) = connection.execute("SELECT metadata_location FROM iceberg_tables").fetchall()
    with contextlib.closing(readback.connect()) as connection:
        connection.execute(_secret(stack))
        rows, ids = connection.execute("SELECT count(*), sum(id) FROM iceberg_scan(?)", [location]).fetchone()
    return rows, int(ids)


def _secret(stack: LocalStack) -> str:
    parts = {
        "KEY_ID": stack.s3_access_key_id,
        "SECRET": stack.s3_secret_access_key,
        "REGION": stack.s3_region,
        "ENDPOINT": urlsplit(stack.s3_endpoint).netloc,
    }
    said = "".join(f"{name} '{value}', " for name, value in parts.items())
    return f"LOAD httpfs; CREATE SECRET (TYPE s3, {said}URL_STYLE path, USE_SSL false)"


# ---- the slow store ----


@contextlib.contextmanager
def slowed(server: str, rate: int) -> Iterator[str]:
    """Run a pipe to a server of which all connections together get so many bytes a second; yield its address."""
    loop = asyncio.new_event_loop()
    pipe = _Pipe(server, rate)
    listening = loop.run_until_complete(asyncio.start_server(pipe.serve, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        listening.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


class _Pipe:
    """Connections to a server; what goes to it shares one rate, what comes back has none."""

    def __init__(self, server: str, rate: int) -> None:
        self._host, self._port = urlsplit(server).hostname, urlsplit(server).port
        self._rate = rate
        self._free = time.monotonic()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either side ends it."""
        there, back = await asyncio.open_connection(self._host, self._port)
        ways = [asyncio.create_task(self._carry(*way)) for way in ((reader, back, self._rate), (there, writer, 0))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            back.close()
            writer.close()

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, rate: int) -> None:
        while chunk := await source.read(_CHUNK):
            if rate:
                self._free = max(self._free, time.monotonic()) + len(chunk) / rate
                await asyncio.sleep(self._free - time.monotonic())
            sink.write(chunk)
            await sink.drain()
