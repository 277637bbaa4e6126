"""What is run: `quick` for a look, `full` for the page in the docs."""

from collections.abc import Iterable

from benchmarks import batches, data
from benchmarks.cases import Entry, Result, alternate, start_up
from benchmarks.runners import (
    DLT,
    FLOOR_ARRO3,
    FLOOR_DUCKDB,
    JSONL,
    OURS,
    PIPE,
    S3TABLES,
    S3TABLES_FAST,
    SDK_SINK,
    ours,
)
from benchmarks.shapes import SHAPES

MILLION = 1_000_000
RULED_RECORDS = 400_000
PEER_RECORDS = 100_000
"""The peers' rates, start-up taken off, do not change with the length of the stream; only the wait would."""
SHAPE_RECORDS = {
    # shape: records for us and the floors, records for the peers
    "narrow": (3 * MILLION, 100_000),
    "wide": (50_000, 10_000),
    "nested": (500_000, 50_000),
    "longtext": (100_000, 20_000),
    "decimals": (500_000, 50_000),
    "interleaved": (3 * MILLION, 50_000),
}

_LENGTHS = (MILLION // 10, MILLION, 10 * MILLION)
_STREAMS = (("1-stream", "ten", MILLION), ("20-streams", "twenty", MILLION), ("200-streams", "two-hundred", MILLION))
_COLUMNS = (("10-columns", "ten", MILLION), ("200-columns", "wide", 50_000), ("1500-columns", "widest", 10_000))
_DIVERTING = ours(
    "quarantine", "one row in a hundred breaks the contract and goes to quarantine", on_violation="quarantine"
)


class Failed(Exception):
    """Our own target did not get through: there is nothing to compare."""


def quick() -> list[Result]:
    """Our target at 1 M and 5 M records of `ten`, the first-day sink at 100,000."""
    ours_now = ours()
    results = [start_up(ours_now), start_up(SDK_SINK)]
    insist(results)
    results += alternate(
        "ten", [Entry(ours_now, data.make("ten", MILLION), 3), Entry(SDK_SINK, data.make("ten", PEER_RECORDS))]
    )
    results += alternate("memory", [Entry(ours_now, data.make("ten", 5 * MILLION))])
    results += _rules()
    return results


def full() -> list[Result]:
    """Everything: all shapes, all peers, many streams, bad rows, BATCH, long streams."""
    everyone = (ours(), SDK_SINK, S3TABLES, S3TABLES_FAST, DLT, JSONL, FLOOR_DUCKDB, FLOOR_ARRO3)
    results = [start_up(runner, 3) for runner in everyone]
    insist(results)
    results += _ten()
    for shape in SHAPE_RECORDS:
        results += _shape(shape)
    results += _ours_only()
    results += partitions()
    return results + scale()


def _ten() -> list[Result]:
    long, short = data.make("ten", 3 * MILLION), data.make("ten", PEER_RECORDS)
    return alternate(
        "ten",
        [
            Entry(ours(), long, 3),
            Entry(ours("no-contract", "without a contract: the SCHEMA message decides", contract_path=None), long, 3),
            Entry(FLOOR_DUCKDB, long, 3),
            Entry(FLOOR_ARRO3, long, 3),
            Entry(PIPE, long, 3),
            Entry(SDK_SINK, short, 3),
            Entry(S3TABLES, short, 2),
            Entry(S3TABLES_FAST, short, 2),
            Entry(DLT, short, 2),
            Entry(JSONL, short, 2),
        ],
    )


def _shape(shape: str) -> list[Result]:
    records, fewer = SHAPE_RECORDS[shape]
    long, short = data.make(shape, records), data.make(shape, fewer)
    entries = [Entry(runner, long, 3) for runner in (ours(), FLOOR_DUCKDB, FLOOR_ARRO3)]
    return alternate(shape, entries + [Entry(runner, short) for runner in (SDK_SINK, S3TABLES_FAST, DLT)])


def _ours_only() -> list[Result]:
    results = [*_rules(), *alternate("bad-1pct", [Entry(_DIVERTING, data.make("ten", 3 * MILLION, 0.01), 3)])]
    results += alternate(
        "batch-parquet",
        [
            Entry(
                ours("batch", "BATCH messages, Parquet files", batch_roots=[str(data.CACHE.absolute())]),
                batches.make(MILLION),
                3,
            )
        ],
    )
    results += alternate("memory", [Entry(ours(), data.make("ten", size), 1) for size in (3 * MILLION, 10 * MILLION)])
    return results


def _rules() -> list[Result]:
    """What rules cost, and what bad rows cost on top: the same 60 columns each time."""
    clean, bad = data.make("ruled", RULED_RECORDS), data.make("ruled", RULED_RECORDS, 0.01)
    types = ours(
        "types-only", "the same contract without its rules", contract_path=str(data.types_only(clean.contract))
    )
    return alternate("rules", [Entry(types, clean, 3), Entry(ours(), clean, 3), Entry(_DIVERTING, bad, 3)])


def partitions(runs: int = 3) -> list[Result]:
    """A partitioned table beside a plain one: rows of every partition come all the time, the worst order there is."""
    stream = data.make("ten", 3 * MILLION)
    year = ours("by-day-365", "365 partitions: days of a year", partition_by=["day(created_at)"])
    days = ours("by-day", "731 partitions or a few more: days of 2024 and 2025", partition_by=["day(created_at)"])
    buckets = ours("by-bucket", "1,000 partitions", partition_by=["bucket[1000](id)"])
    entries = [Entry(runner, stream, runs) for runner in (ours(), days, buckets)]
    return alternate("partitions", [*entries, Entry(year, data.make("year", 3 * MILLION), runs)])


def scale() -> list[Result]:
    """What a run costs as the work grows: in records, in streams, in columns."""
    ours_now = ours()
    results = alternate(
        "records", [Entry(ours_now, data.make("ten", size), 3 if size < MILLION else 1) for size in _LENGTHS]
    )
    for case, given in (("streams", _STREAMS), ("columns", _COLUMNS)):
        entries = [Entry(ours(name, SHAPES[shape].about), data.make(shape, size)) for name, shape, size in given]
        results += alternate(case, entries)
    return results


def insist(results: Iterable[Result]) -> None:
    """Raise Failed where our own target did not get through; a peer that did not is only reported."""
    for result in results:
        if result.reason and result.runner.name == OURS:
            raise Failed(f"{OURS} on {result.stream.shape}, {result.stream.records:,} records: {result.reason}")
