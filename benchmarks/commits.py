"""What a commit costs once there have been many: small appends to one table of a SQL catalog, one commit each."""

import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from target_dativo_iceberg.arranged import writer_of
from target_dativo_iceberg.contract.singer import contract_of
from target_dativo_iceberg.publish import Checkpoint, TableChange, publish
from target_dativo_iceberg.settings import parse
from target_dativo_iceberg.tables import open_store

COMMITS = 400
_SCHEMA = {"properties": {"id": {"type": "integer"}, "text": {"type": "string"}}}
_TABLE = ("default", "t")


@dataclass(frozen=True)
class Commits:
    """Seconds of each commit, in order: from loading the table to the answer of the catalog."""

    wall: list[float]
    cpu: list[float]

    def ratio(self, seconds: list[float]) -> float:
        """Median of the last eleven to that of commits 2 to 12."""
        return statistics.median(seconds[-11:]) / statistics.median(seconds[1:12])

    def __str__(self) -> str:
        early, late = (statistics.median(self.cpu[part]) * 1e3 for part in (slice(1, 12), slice(-11, None)))
        return (
            f"commits: {len(self.wall)}; CPU of one {early:.0f} ms at first, {late:.0f} ms at last, "
            f"{self.ratio(self.cpu):.2f} times as much (wall {self.ratio(self.wall):.2f} times)"
        )


def measure(count: int = COMMITS) -> Commits:
    """Commit so many times, each a file of one row."""
    wall, cpu = [], []
    with tempfile.TemporaryDirectory(prefix="dativo-bench-") as folder:
        settings = parse({"warehouse": str(Path(folder) / "warehouse"), "job_id": "bench"})
        store, contract = open_store(settings), contract_of("t", _SCHEMA, ())
        for number in range(1, count + 1):
            destination = store.destination(_TABLE, contract, None)
            writer = writer_of(store.file_target(destination, f"bench-{number:05}"), store.waiting)
            writer.write([pa.record_batch([pa.array([number]), pa.array(["text"])], ["id", "text"])])
            change = TableChange(destination, writer.finish(), summary={"dativo.run-id": f"bench-{number}"})
            checkpoint = Checkpoint("bench", f"bench-{number}", 1, "", "", int(time.time()))
            start = time.perf_counter(), time.process_time()
            publish(store, [change], checkpoint)
            wall.append(time.perf_counter() - start[0])
            cpu.append(time.process_time() - start[1])
        table = store.load(_TABLE)
        assert table is not None
        assert len(table.metadata.snapshots) == count
        assert sum(task.file.record_count for task in table.scan().plan_files()) == count
    return Commits(wall, cpu)
