"""A report as people see it, page and terminal alike: the words, rows and pictures of each job, worst first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dativo_ingest.errors import Problem
from dativo_ingest.reports import advice, drawing
from dativo_ingest.reports.advice import Step
from dativo_ingest.reports.drawing import Axis, Bar, Spark
from dativo_ingest.reports.model import Check, Example, JobRun, Stream
from dativo_ingest.reports.words import counted, duration, moment, share, size, status_of

_BAR = 120.0
# Streams of which nothing is to be said are folded away where there are more than a person wants to pass by.
_QUIET, _FINE = 5, 25


@dataclass(frozen=True)
class StreamView:
    """A stream's row. `alarm` says what does not add up."""

    stream: Stream
    bars: tuple[Bar, ...]
    shares: str
    size: str
    alarm: str


@dataclass(frozen=True)
class RuleView:
    """Records that broke a rule, and where the first of them stand."""

    stream: str
    rule: str
    count: int
    places: tuple[str, ...]
    published: bool = True


@dataclass(frozen=True)
class PastView:
    """An earlier run, or the shown one."""

    run: JobRun
    status: tuple[str, str, str]
    started: str
    seconds: str
    quarantined: str


@dataclass(frozen=True)
class JobView:
    """A job's section. `loud` streams are shown, the others folded away under titles."""

    run: JobRun
    anchor: str
    status: tuple[str, str, str]
    meaning: str
    steps: tuple[Step, ...]
    facts: tuple[tuple[str, str], ...]
    loud: tuple[StreamView, ...]
    folded: tuple[tuple[str, tuple[StreamView, ...]], ...]
    rules: tuple[RuleView, ...]
    checks: tuple[tuple[str, Check], ...]
    changes: tuple[tuple[str, str], ...]
    notes: tuple[tuple[str, str], ...]
    axis: Axis | None
    sparks: tuple[tuple[str, Spark], ...]
    past: tuple[PastView, ...]
    seconds: str

    @property
    def alarms(self) -> list[StreamView]:
        """Streams whose counts do not add up."""
        return [one for one in self.loud if one.alarm]


@dataclass(frozen=True)
class Page:
    """All of it."""

    title: str
    jobs: tuple[JobView, ...]
    problems: tuple[Problem, ...] = ()


def page_of(runs: Sequence[JobRun], history: Mapping[str, Sequence[JobRun]], problems: Sequence[Problem] = ()) -> Page:
    """Return the view of runs.

    Args:
        runs: to be shown.
        history: by job's id, its runs up to the shown one, the oldest first.
        problems: jobs without a report.

    """
    ordered = sorted(runs, key=lambda run: (-run.exit_code, run.id))
    jobs = [_job(run, history.get(run.id, [run]), f"job-{number}") for number, run in enumerate(ordered, 1)]
    return Page(_title(runs), tuple(jobs), tuple(problems))


def _title(runs: Sequence[JobRun]) -> str:
    if len(runs) == 1:
        return f"{runs[0].id} {status_of(runs[0].status)[2]}"
    bad = [(2, "failed"), (1, "succeeded in part")]
    said = [f"{n} {words}" for code, words in bad if (n := sum(run.exit_code == code for run in runs))]
    return f"{counted(len(runs), 'job')}: " + (", ".join(said) or "all succeeded")


def _job(run: JobRun, history: Sequence[JobRun], anchor: str) -> JobView:
    target = run.target
    loud, folded = _sorted([_stream(stream) for stream in target.streams])
    return JobView(
        run=run,
        anchor=anchor,
        status=status_of(run.status),
        meaning=advice.meaning(run),
        steps=tuple(advice.next_steps(run)),
        facts=tuple((name, value) for name, value in _facts(run) if value),
        loud=tuple(loud),
        folded=tuple(folded),
        rules=tuple(_rules(run)),
        checks=tuple((s.stream, check) for s in target.streams for check in s.checks),
        changes=tuple((s.stream, change) for s in target.streams for change in s.schema_changes),
        notes=tuple(_notes(run)),
        axis=drawing.axis(target.timeline, target.seconds),
        sparks=tuple(_sparks(history)),
        past=tuple(map(_past, reversed(history))),
        seconds=duration(run.seconds),
    )


def _sorted(views: list[StreamView]) -> tuple[list[StreamView], list[tuple[str, tuple[StreamView, ...]]]]:
    """Return the streams that are shown, what is wrong first, and those that are folded away, with titles."""
    views.sort(key=lambda v: (not v.alarm, not v.stream.quarantined, not v.stream.records, v.stream.stream))
    quiet = [v for v in views if not (v.alarm or v.stream.records or v.stream.schema_changes)]
    fine = [v for v in views if v.stream.records and v.stream.good == v.stream.records and not v.alarm]
    wanted = [(quiet, _QUIET, "without records"), (fine, _FINE, "of which every record is good")]
    groups = [(rows, words) for rows, most, words in wanted if len(rows) > most]
    folded = [(f"{counted(len(rows), 'stream')} {words}", tuple(rows)) for rows, words in groups]
    away = {id(one) for rows, _ in groups for one in rows}
    return [v for v in views if id(v) not in away], folded


def _stream(stream: Stream) -> StreamView:
    parts = (stream.good, stream.quarantined, stream.dropped)
    lost = stream.records - sum(parts)
    named = [f"{share(n, stream.records)} {what}" for n, what in zip(parts, ("good", "quarantined", "dropped")) if n]  # noqa: B905
    return StreamView(
        stream,
        drawing.shares(*parts, _BAR),
        ", ".join(named) or "no records",
        f"{counted(stream.files, 'file')}, {size(stream.file_bytes)}" if stream.files else "",
        f"does not add up: {counted(abs(lost), 'record')} {'missing' if lost > 0 else 'too many'}" if lost else "",
    )


def _facts(run: JobRun) -> Iterator[tuple[str, str]]:
    target, totals = run.target, run.target.totals
    yield "started", moment(run.started_at)
    yield "took", duration(run.seconds) + (f" in {run.attempts} tries" if run.attempts > 1 else "")
    yield "source", run.source
    if totals.records and target.seconds:
        speed = totals.records / target.seconds
        records = f"{speed:,.0f}" if speed >= 10 else f"{speed:.1f}"
        yield "throughput", f"{records} records/s, {size(totals.input_bytes / target.seconds)}/s"
        yield "input", size(totals.input_bytes)
    if target.run_id:
        yield "published", f"{counted(target.epochs, 'epoch')}, {counted(target.states, 'STATE line')}"
    for name, value in target.where.items():
        yield ("Nessie hash" if name == "hash" else name), value or ""
    yield "run", run.run_id
    yield "call", run.call_id
    yield "job file", run.path


def _rules(run: JobRun) -> Iterator[RuleView]:
    for stream in run.target.streams:
        for rule, count in stream.by_rule.items():
            yield RuleView(stream.stream, rule, count, _places(stream.examples, rule))
    for left in run.target.unpublished:
        for rule, count in left.by_rule.items():
            yield RuleView(left.stream, rule, count, _places(left.examples, rule), published=False)
        # In mode strict the first record ends the run before it is counted by rule.
        for rule in dict.fromkeys(e.rule for e in left.examples if e.rule not in left.by_rule):
            yield RuleView(left.stream, rule, 1, _places(left.examples, rule), published=False)


def _places(examples: Sequence[Example], rule: str) -> tuple[str, ...]:
    return tuple(
        f"{one.file}: row {one.line}, {one.path}" if one.file else f"line {one.line}, {one.path}"
        for one in examples
        if one.rule == rule
    )


def _notes(run: JobRun) -> Iterator[tuple[str, str]]:
    for stream in run.target.streams:
        for rule, count in stream.warnings.items():
            yield stream.stream, f"{counted(count, 'record')} kept, though rule {rule} warns of them"
        for column, kinds in stream.coercions.items():
            for kind, count in kinds.items():
                yield stream.stream, f"column '{column}': {counted(count, 'value')} read as another type ({kind})"
        if stream.unknown_fields:
            names = ", ".join(stream.unknown_fields[:20]) + (" …" if len(stream.unknown_fields) > 20 else "")
            yield stream.stream, f"members that the contract does not have, not written: {names}"
        gone = [(stream.deleted, "deleted"), (stream.marked_deleted, "marked as deleted")]
        for count, word in gone:
            if count:
                yield stream.stream, f"{counted(count, 'row')} of the table {word}: gone at the source"


def _past(run: JobRun) -> PastView:
    totals = run.target.totals
    away = share(totals.quarantined, totals.records)
    return PastView(run, status_of(run.status), moment(run.started_at), duration(run.seconds), away)


def _sparks(history: Sequence[JobRun]) -> Iterator[tuple[str, Spark]]:
    def last(values: Sequence[float], text: str) -> Spark | None:
        return drawing.spark(values, f"last {len(values)} runs: {text}")

    seconds = [run.seconds for run in history]
    records = [run.target.totals.records for run in history]
    away = [100 * run.target.totals.quarantined / (run.target.totals.records or 1) for run in history]
    wanted = (
        ("duration", seconds, f"{duration(min(seconds))} to {duration(max(seconds))}, last {duration(seconds[-1])}"),
        ("records read", records, f"{min(records):,} to {max(records):,}, last {records[-1]:,}"),
        ("share in quarantine", away, f"{min(away):.2f} % to {max(away):.2f} %, last {away[-1]:.2f} %"),
    )
    for name, values, text in wanted:
        found = last(values, text)
        if found is not None:
            yield name, found
