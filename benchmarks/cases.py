"""Running the cases: fresh folder, run, read back, forget; several runners take turns on one machine."""

import re
import shutil
import statistics
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import data, measure, readback, venvs
from benchmarks.data import Stream
from benchmarks.measure import Usage
from benchmarks.readback import Loaded
from benchmarks.runners import Runner

SCRATCH = Path(".cache/bench/runs")
PYCACHE = Path(".cache/bench/pycache")
START_UP_RECORDS = 1000


@dataclass
class Result:
    """All runs of one runner on one stream, or the reason why there are none."""

    case: str
    runner: Runner
    stream: Stream
    runs: list[Usage] = field(default_factory=list)
    loaded: Loaded | None = None
    states: int = 0
    reason: str = ""

    def median(self, figure: str) -> float:
        """Median over the runs of wall, cpu, peak_mib, …"""
        return statistics.median(self.values(figure))

    def values(self, figure: str) -> list[float]:
        """The figure of each run."""
        return [getattr(run, figure) for run in self.runs]

    @property
    def rate(self) -> float:
        """Records per second of the median run, start-up of the process included."""
        return self.stream.records / self.median("wall")


@dataclass(frozen=True)
class Entry:
    """A runner, the stream it is given and how often."""

    runner: Runner
    stream: Stream
    runs: int = 1


def alternate(case: str, entries: Iterable[Entry]) -> list[Result]:
    """Run the entries in turns (A B C A B A …), so that a drift of the machine's speed meets all of them.

    A runner that cannot be installed or fails keeps its reason and loses its further turns; a table that does
    not hold what was sent raises Mismatch.
    """
    pairs = [(entry, Result(case, entry.runner, entry.stream)) for entry in entries]
    for turn in range(max(entry.runs for entry, _ in pairs)):
        for entry, result in pairs:
            if turn < entry.runs and not result.reason:
                _take_turn(result)
    return [result for _, result in pairs]


def start_up(runner: Runner, runs: int = 1) -> Result:
    """Figures of a stream of 1,000 records; a run before it, not counted, fills the bytecode cache."""
    stream = data.make("ten", START_UP_RECORDS)
    warm = alternate("warm-up", [Entry(runner, stream)])[0]
    return warm if warm.reason else alternate("start-up", [Entry(runner, stream, runs)])[0]


def _take_turn(result: Result) -> None:
    SCRATCH.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f"{result.runner.name}-", dir=SCRATCH)).absolute()
    try:
        _run_once(result, work)
    except venvs.Unavailable as error:
        result.reason = clean(str(error))
    finally:
        shutil.rmtree(work)
    _tell(result)


def _run_once(result: Result, work: Path) -> None:
    runner, stream = result.runner, result.stream
    command = runner.command(runner.interpreter(), stream, work)
    usage = measure.run(command, stream.path if runner.piped else None, work, PYCACHE)
    if usage.exit_code:
        raise venvs.Unavailable(_why(usage, work))
    if runner.read:
        result.loaded = runner.read(work, stream)
        readback.check(result.loaded, stream)
    result.states = _state_lines(work)
    result.runs.append(usage)


def _state_lines(work: Path) -> int:
    return sum(1 for line in (work / "stdout").read_bytes().splitlines() if line.startswith(b"{"))


def _why(usage: Usage, work: Path) -> str:
    if usage.timed_out:
        return f"killed after {usage.wall:.0f} s"
    said = [line for line in (work / "stderr").read_text(errors="replace").splitlines() if line.strip()]
    named = [line for line in said if re.search(r"\w(Error|Exception|ERROR)\b", line)]
    return f"exit code {usage.exit_code}: {(named or said or ['no message'])[-1].strip()}"


def clean(text: str) -> str:
    """A message without addresses and paths of this machine, of bearable length."""
    return re.sub(r"(file|https?)://[^\s'\"]+|(?<![\w.])/[\w.+-]+/[^\s'\":]+", "…", text)[:300]


def _tell(result: Result) -> None:
    done = f"{result.stream.records / result.runs[-1].wall:>9,.0f} records/s" if result.runs else result.reason
    print(f"  {result.case:<14} {result.runner.name:<24} {result.stream.records:>9,} records  {done}", flush=True)
