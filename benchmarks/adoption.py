"""BATCH Parquet: files adopted as they are and files written anew, beside a plain read and write of the same files."""

from pathlib import Path

from benchmarks import batches, data, readback
from benchmarks.cases import Entry, Result, alternate
from benchmarks.data import Stream
from benchmarks.runners import PEERS, Runner, ours

RECORDS = 12_000_000
"""Enough for start-up, which varies by a third, to be a small part of what is measured."""
FILE_ROWS = 1_500_000
"""Rows of a file: 43 MB, a third of the size at which a data file is closed."""
START_UP = 1000


def _plain(python: Path, stream: Stream, work: Path) -> list[str]:
    return [str(python), str(PEERS / "floor_parquet.py"), str(batches.folder(stream)), str(work)]


PLAIN = Runner(
    "plain",
    "floor: pyarrow reads each file whole and writes it as zstd Parquet, no checks, no table",
    _plain,
    read=readback.parquet,
    piped=False,
)


def results(records: int = RECORDS, runs: int = 3) -> list[Result]:
    """Run all three in turns, on the files and on a file of 1,000 rows."""
    roots = [str(data.CACHE.absolute())]
    adopted = ours("adopted", "BATCH messages, files adopted as they are", batch_roots=roots)
    anew = ours("written-anew", "the same, `adopt_batch_files` off", batch_roots=roots, adopt_batch_files=False)
    runners = (PLAIN, adopted, anew)
    short, long = batches.make(START_UP, START_UP), batches.make(records, FILE_ROWS)
    alternate("warm-up", [Entry(runner, short) for runner in runners])
    return [
        *alternate("start-up", [Entry(runner, short, runs) for runner in runners]),
        *alternate("batch", [Entry(runner, long, runs) for runner in runners]),
    ]


def lines(found: list[Result]) -> list[str]:
    """Return the figures as lines of text, the plain runner's time over each."""
    begun = {r.runner.name: r for r in found if r.case == "start-up"}
    done = [r for r in found if r.case == "batch"]
    size = done[0].stream.size / 1e6
    out = [f"BATCH of {done[0].stream.records:,} rows in Parquet, {size:,.0f} MB; times as fast as plain, by CPU", ""]
    for result in done:
        name = result.runner.name
        failed = result.reason or begun[name].reason or begun[PLAIN.name].reason or done[0].reason
        out.append(f"  {name:13} {failed or _figures(result, begun[name], done[0], begun[PLAIN.name])}")
    return out


def _figures(result: Result, begun: Result, plain: Result, bare: Result) -> str:
    whole = [plain.median(f) / result.median(f) for f in ("wall", "cpu")]
    less = [(plain.median(f) - bare.median(f)) / (result.median(f) - begun.median(f)) for f in ("wall", "cpu")]
    first = [begun.median(f) for f in ("wall", "cpu")]
    wall, cpu, peak = result.median("wall"), result.median("cpu"), max(result.values("peak_mib"))
    return (
        f"{wall:6.2f} s, {cpu:6.2f} s CPU, {peak:4.0f} MiB: {whole[0]:.2f}, {whole[1]:.2f}; "
        f"without start-up of {first[0]:.2f} s, {first[1]:.2f} s CPU: {less[0]:.2f}, {less[1]:.2f}; "
        f"others {result.median('others'):.0%} of the cores"
    )
