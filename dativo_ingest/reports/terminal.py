"""A report on the terminal: coloured where a person looks at one, plain text in pipes, files and with NO_COLOR."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TextIO

from dativo_ingest.reports.view import JobView, Page
from dativo_ingest.reports.words import counted, moment
from target_dativo_iceberg.log import one_line

_HEAD = ("tenant", "job", "status", "started", "stream", "table", "read", "good", "quarantined", "dropped")
_NUMBERS = 6
_STYLES = {"good": "green", "warn": "yellow", "bad": "bold red", "plain": "", "faint": "dim", "head": "bold"}
_SHOWN = ("throughput", "warehouse", "nessie", "branch", "Nessie hash", "run")
_SIGNS = {"✓": "+", "▲": "~", "✕": "x", "…": "?"}


def show(page: Page, out: TextIO | None = None) -> None:
    """Print a report."""
    out = out or sys.stdout
    if out.isatty() and not os.environ.get("NO_COLOR"):
        _show_rich(page, out)
    else:
        _show_plain(page, out)


def _show_plain(page: Page, out: TextIO) -> None:
    lines = [list(_HEAD), *_rows(page)]
    widths = [max(len(line[number]) for line in lines) for number in range(len(_HEAD))]
    for line in lines:
        out.write("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n")
    for _style, text in _lines(page):
        out.write(f"{text}\n")


def _show_rich(page: Page, out: TextIO) -> None:
    from rich.console import Console  # noqa: PLC0415 - only for terminals
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    console = Console(file=out, highlight=False)
    table = Table(title=Text(one_line(page.title), style="bold"), title_justify="left", box=None, pad_edge=False)
    for number, name in enumerate(_HEAD):
        table.add_column(name, justify="right" if number >= _NUMBERS else "left", overflow="fold")
    status = {words: kind for kind, _sign, words in (job.status for job in page.jobs)}
    for row in _rows(page):
        kind = status.get(row[2], "plain")
        table.add_row(*(Text(cell, style=_STYLES[kind] if n == 2 else "") for n, cell in enumerate(row)))
    console.print(table)
    for style, text in _lines(page):
        console.print(Text(text, style=_STYLES[style]), soft_wrap=True)


def _rows(page: Page) -> Iterator[list[str]]:
    """Yield a row for each stream that had records; of a job that has none, one row."""
    for job in page.jobs:
        run = job.run
        head = [run.tenant or "-", run.job, job.status[2], moment(run.started_at) or "-"]
        if not job.loud:
            yield [one_line(cell) for cell in [*head, *["-"] * (len(_HEAD) - len(head))]]
        for row in job.loud:
            one = row.stream
            counts = [str(count) for count in (one.records, one.good, one.quarantined, one.dropped)]
            yield [one_line(cell) for cell in [*head, one.stream, one.table or "-", *counts]]


def _lines(page: Page) -> Iterator[tuple[str, str]]:
    """Yield what stands below the table, each line with its style."""
    for problem in page.problems:
        yield "bad", one_line(f"no report: {problem}")
    for job in page.jobs:
        yield "plain", ""
        for style, text in _of_job(job):
            yield style, one_line(text)


def _of_job(job: JobView) -> Iterator[tuple[str, str]]:
    run = job.run
    yield job.status[0], f"{run.id} {job.status[2]} in {job.seconds}. {job.meaning}"
    if run.error:
        yield "bad", f"  {run.cause or 'failed'}: {run.error}"
    yield from _of_records(job)
    yield from (("faint", f"  {stream}: {text}") for stream, text in (*job.changes, *job.notes))
    yield from (("faint", f"  {name}: {value}") for name, value in job.facts if name in _SHOWN)
    if len(job.past) > 1:
        signs = "".join(_SIGNS.get(past.status[1], "?") for past in reversed(job.past))
        yield "faint", f"  last {len(job.past)} runs (+ good, ~ in part, x failed), the newest at the end: {signs}"
    yield "head", "  next:"
    for step in job.steps:
        yield "plain", f"  - {step.text}"
        yield from (("plain", f"    $ {command}") for command in step.commands)


def _of_records(job: JobView) -> Iterator[tuple[str, str]]:
    """Yield what came of records: alarms first."""
    for row in job.alarms:
        yield "bad", f"  ALARM: stream {row.stream.stream} {row.alarm}"
    yield from (("faint", f"  {title}") for title, _rows in job.folded)
    for rule in job.rules:
        where = f", first at {'; '.join(rule.places)}" if rule.places else ""
        left = "" if rule.published else " (not published)"
        yield "warn", f"  rule {rule.rule}: {counted(rule.count, 'record')} of stream {rule.stream}{left}{where}"
    for stream, check in job.checks:
        if check.status != "pass":
            yield "warn", f"  check {check.id} of stream {stream}: {check.status}"
