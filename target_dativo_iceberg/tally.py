"""Counts of the open epoch, by stream: taken as results come, checked before the publish, then added to the report."""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import TYPE_CHECKING

from target_dativo_iceberg import log
from target_dativo_iceberg.errors import ViolationError
from target_dativo_iceberg.limits import check_count, check_share, violation_error
from target_dativo_iceberg.report import StreamReport
from target_dativo_iceberg.telemetry.events import EpochPublished

if TYPE_CHECKING:
    from target_dativo_iceberg.quarantine import Rejected
    from target_dativo_iceberg.settings import Settings
    from target_dativo_iceberg.spread.task import Outcome
    from target_dativo_iceberg.stage import Staged
    from target_dativo_iceberg.streams import Stream
    from target_dativo_iceberg.telemetry.feed import Feed
    from target_dativo_iceberg.timeline import Span

_SHOWN = 20


class Tally:
    """What was read of each stream since the last publish.

    Args:
        feed: told of an epoch's counts once it is published; its report has those of epochs before.

    Attributes:
        open: counts of the open epoch by stream.

    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._report = feed.report
        self.open: dict[str, StreamReport] = {}

    def of(self, name: str) -> StreamReport:
        """Return the counts of a stream in the open epoch."""
        return self.open.setdefault(name, StreamReport(name))

    def bind(self, stream: Stream) -> None:
        """Note which table and contract a stream has."""
        contract, counts = stream.contract, self.of(stream.name)
        counts.table = ".".join(stream.identifier)
        counts.contract = f"{contract.id or contract.name} {contract.version}".strip() if not contract.inferred else ""

    def filtered(self, name: str, count: int) -> None:
        """Count records that a stream map leaves out."""
        counts = self.of(name)
        counts.records += count
        counts.dropped += count
        counts.filtered += count

    def take(self, stream: Stream, staged: Staged, nbytes: int) -> None:
        """Count staged records.

        Raises:
            ViolationError: one of them ends the run, or too many break their contract.

        """
        counts = self.of(stream.name)
        self._tell_unknown(stream, staged.unknown)
        counts.take(staged, nbytes)
        found = staged.rejected if staged.failed is None else (staged.failed[0], *staged.rejected)
        if found:
            counts.examples.take(stream.contract, found)
        self._check(stream, staged.failed)

    def add(self, stream: Stream, outcome: Outcome) -> None:
        """Count records that were staged elsewhere.

        Raises:
            ViolationError: as `take` does.

        """
        self._tell_unknown(stream, outcome.counts.unknown_fields)
        self.of(stream.name).add(outcome.counts)
        self._check(stream, outcome.failed)

    def _tell_unknown(self, stream: Stream, found: Set[str]) -> None:
        new = found - self.of(stream.name).unknown_fields
        if new:
            shown = sorted(new)[:_SHOWN]
            log.once(f"stream '{stream.name}': members {shown} are not in the contract and are not written")

    def _check(self, stream: Stream, failed: tuple[Rejected, int] | None) -> None:
        name = stream.name
        if failed is not None:
            raise violation_error(name, stream, failed)
        check_count(name, stream.settings.max_violations, self.of(name), self._report.streams.get(name))

    def check(self, streams: Iterable[Stream], settings: Settings, *, final: bool) -> None:
        """Check the epoch before its publish: shares of violations, aggregate checks, and that the counts add up.

        Args:
            streams: of the run.
            settings: of the run.
            final: the input has ended: checks over the whole run are due.

        Raises:
            ViolationError: too large a share breaks its contract, or a check fails.

        """
        for name, counts in self.open.items():
            check_share(name, settings.of(name), counts, self._report.streams.get(name))
        for stream in streams:
            self._check_quality(stream, final=final)
        for counts in self.open.values():
            counts.check()

    def _check_quality(self, stream: Stream, *, final: bool) -> None:
        results = stream.ordered.results(final=final)
        self.of(stream.name).checks = [r.as_dict() for r in results]
        failed = [r.sentence() for r in results if stream.judge.fails(r)]
        if failed:
            raise ViolationError(f"stream '{stream.name}': {'; '.join(failed)}", "mend the data or the contract")
        for result in results:
            if result.status != "pass":
                log.once(f"stream '{stream.name}': {result.sentence()}")

    def published(self, streams: Iterable[Stream], span: Span | None = None) -> None:
        """Tell of the epoch's counts; what is known of members goes over to the next epoch."""
        self._feed.say(EpochPublished(self._report.epochs + 1, span, self.open))
        self.open = {}
        for stream in streams:
            earlier = self._report.streams.get(stream.name)
            self.of(stream.name).unknown_fields |= earlier.unknown_fields if earlier else set()
