"""Figures as rows: for the terminal, for `results/latest.json`, for the page in the docs."""

import json
import statistics
from collections.abc import Iterable
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.cases import Result
from benchmarks.runners import FLOORS, SDK_SINK

PAGE = Path("docs/benchmarks.md")
LATEST = Path("benchmarks/results/latest.json")
BEGIN, END = "<!-- figures: begin, written by `python -m benchmarks full` -->", "<!-- figures: end -->"
HEADS = (
    "runner",
    "records",
    "records/s (min to max)",
    "CPU µs/record",
    "peak MiB",
    "times sdk-sink (by CPU)",
    "files / snapshots",
)


def text_table(results: Iterable[Result]) -> str:
    """A table in columns of equal width."""
    found = list(results)
    rows = [("case", *HEADS), *((each.case, *row) for each, row in zip(found, _rows(found), strict=True))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if place < 2 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join(lines)


def markdown_table(results: Iterable[Result]) -> str:
    """The same as a Markdown table."""
    rows = [HEADS, ("---", *["---:"] * (len(HEADS) - 1)), *_rows(list(results))]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def notes(results: list[Result]) -> list[str]:
    """Sentences under the tables: start-up, rates net of it, memory by length, distance to the floor."""
    start = {result.runner.name: min(result.values("wall")) for result in _measured(results, "start-up")}
    told = [f"start-up (a stream of 1,000 records): {_listed(f'{name} {wall:.2f} s' for name, wall in start.items())}"]
    ten = _measured(results, "ten")
    net = (f"{name} {rate:,.0f}" for name, rate in _net_rates(ten, start).items())
    told.append(f"records/s on `ten` with that time taken off: {_listed(net)}")
    memory = [f"{each.stream.records:,} records {max(each.values('peak_mib')):,.0f} MiB" for each in _lengths(results)]
    told.append(f"peak memory by length of the stream: {_listed(memory)}")
    return [*told, *_rules(_measured(results, "rules")), *_above_floor(ten), _contention(results)]


def save(results: list[Result], machine: dict[str, Any], packages: dict[str, Any], path: Path = LATEST) -> None:
    """Write everything that was measured, run by run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(_plain(result, results), ensure_ascii=False) for result in results)
    environments = ",\n".join(f"{json.dumps(name)}: {json.dumps(found)}" for name, found in packages.items())
    # a line per result: a new run can be compared with the last one in a diff
    path.write_text(
        f'{{"machine": {json.dumps(machine)},\n"packages": {{\n{environments}\n}},\n"results": [\n{lines}\n]}}\n'
    )


def update_page(results: list[Result], machine: dict[str, Any], packages: dict[str, Any], page: Path = PAGE) -> None:
    """Put the figures between the marks of the page; all else in it is written by hand."""
    before, rest = page.read_text().split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n\n{_figures(results, machine, packages)}\n{END}{after}")


def _figures(results: list[Result], machine: dict[str, Any], packages: dict[str, Any]) -> str:
    parts = [_conditions(machine), _versions(packages)]
    parts += [f"- {note[0].upper()}{note[1:]}." for note in notes(results)]
    for case, members in groupby(results, key=lambda result: result.case):
        parts += ["", f"### {case}", "", markdown_table(members)]
    missing = [f"- {each.runner.name} on `{each.case}`: {each.reason}" for each in results if each.reason]
    if missing:
        parts += ["", "### Not run", "", *missing]
    return "\n".join(parts) + "\n"


def _conditions(machine: dict[str, Any]) -> str:
    tree = f"commit {machine['commit']}" + (" with uncommitted changes" if machine["uncommitted_changes"] else "")
    return (
        f"Taken {machine['taken_at']}, {tree}: {machine['cores']} cores of {machine['processor']}, "
        f"{machine['memory_gib']} GiB, "
        f"Linux {machine['kernel']}, Python {machine['python']}.\n"
    )


def _versions(packages: dict[str, dict[str, str]]) -> str:
    shown = (
        "target-dativo-iceberg",
        "singer-sdk",
        "pyiceberg",
        "pyarrow",
        "target-s3tables",
        "dlt",
        "target-jsonl",
        "duckdb",
        "arro3-io",
    )
    rows = ["| environment | versions |", "| --- | --- |"]
    for name, found in packages.items():
        by_name = {package.lower().replace("_", "-"): version for package, version in found.items()}
        kept = [f"{package} {by_name[package]}" for package in (*shown, "unavailable") if package in by_name]
        rows.append(f"| {name} | {', '.join(kept)} |")
    return "\n".join(rows) + "\n"


def _rows(results: list[Result]) -> list[tuple[str, ...]]:
    return [_row(result, results) for result in results]


def _row(result: Result, results: list[Result]) -> tuple[str, ...]:
    name, records = result.runner.name, f"{result.stream.records:,}"
    if not result.runs:
        return (name, records, "not run", *["-"] * 4)
    rates = [result.stream.records / wall for wall in result.values("wall")]
    ratio, loaded = _ratio(result, results), result.loaded
    return (
        name,
        records,
        f"{result.rate:,.0f} ({min(rates):,.0f} to {max(rates):,.0f})",
        f"{_cpu(result):.2f}",
        f"{max(result.values('peak_mib')):,.0f}",
        f"{ratio[0]:.1f} ({ratio[1]:.1f})" if ratio else "-",
        f"{loaded.files} / {loaded.snapshots}" if loaded and loaded.snapshots else "-",
    )


def _plain(result: Result, results: list[Result]) -> dict[str, Any]:
    measured = {}
    if result.runs:
        measured = {
            "records_per_second": round(result.rate),
            "cpu_us_per_record": round(_cpu(result), 3),
            "peak_mib": round(max(result.values("peak_mib")), 1),
            "times_sdk_sink_by_rate_and_by_cpu": (ratio := _ratio(result, results))
            and [round(each, 2) for each in ratio],
        }
    return {
        "case": result.case,
        "runner": result.runner.name,
        "about": result.runner.about,
        "records": result.stream.records,
        "bad_records": result.stream.bad,
        "input_bytes": result.stream.size,
        **measured,
        "runs": [asdict(run) for run in result.runs],
        "read_back": asdict(result.loaded) if result.loaded else None,
        "state_lines": result.states,
        "not_run": result.reason or None,
    }


def _cpu(result: Result) -> float:
    return result.median("cpu") / result.stream.records * 1e6


def _ratio(result: Result, results: list[Result]) -> tuple[float, float] | None:
    """How many times as fast as the first-day sink in the same case: by rate, and by CPU time per record."""
    base = [each for each in results if each.case == result.case and each.runner is SDK_SINK and each.runs]
    return (result.rate / base[0].rate, _cpu(base[0]) / _cpu(result)) if base else None


def _net_rates(results: list[Result], start: dict[str, float]) -> dict[str, float]:
    """Records per second after start-up; not of runs that are mostly start-up, where the rest is noise."""
    walls = {each.runner.name: (each.stream.records, each.median("wall")) for each in results}
    return {
        name: records / (wall - start[name])
        for name, (records, wall) in walls.items()
        if name in start and wall > 2 * start[name]
    }


def _measured(results: list[Result], case: str) -> list[Result]:
    return [result for result in results if result.case == case and result.runs]


def _lengths(results: list[Result]) -> list[Result]:
    """The first runner (ours) on `ten`, then on longer streams."""
    return [*_measured(results, "ten")[:1], *_measured(results, "memory")]


def _above_floor(ten: list[Result]) -> list[str]:
    floors = [result for result in ten if result.runner in FLOORS]
    if not floors:
        return []
    least = min(floors, key=_cpu)
    times = _cpu(ten[0]) / _cpu(least)
    return [f"CPU of {ten[0].runner.name} on `ten`: {times:.2f} times that of the cheapest floor ({least.runner.name})"]


def _rules(found: list[Result]) -> list[str]:
    """What rules cost and what bad rows cost, each as a share of the rate (and by CPU) of the runner before."""
    if len(found) < 3:
        return []
    types, ruled, bad = found[:3]
    shares = [(b.rate / a.rate, _cpu(a) / _cpu(b)) for a, b in ((types, ruled), (ruled, bad))]
    rules, diverted = (f"{rate:.0%} of the rate ({cpu:.0%} by CPU)" for rate, cpu in shares)
    return [
        f"rules on each of 60 columns leave {rules} without rules; one bad row in a hundred leaves {diverted} of that"
    ]


def _contention(results: list[Result]) -> str:
    shares = sorted(run.others for result in results for run in result.runs if run.wall > 1)
    if not shares:
        return "no run was long enough to tell how busy the machine was"
    middle = statistics.median(shares)
    verdict = "the rates can be trusted" if middle < 0.05 else "trust the CPU figures, not the rates"
    return f"other processes took {middle:.0%} of the cores in the median run, {shares[-1]:.0%} in the worst: {verdict}"


def _listed(parts: Iterable[str]) -> str:
    return "; ".join(parts) or "not measured"
