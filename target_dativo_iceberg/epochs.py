"""The epochs of a run: one is opened when something is for it and closed by its publish. One thread has the tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from target_dativo_iceberg.epoch import Epoch
from target_dativo_iceberg.opening import opened_store
from target_dativo_iceberg.threads import Threads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from target_dativo_iceberg.audits import Audit
    from target_dativo_iceberg.journal import Note
    from target_dativo_iceberg.report import RunReport, StreamReport
    from target_dativo_iceberg.settings import Settings
    from target_dativo_iceberg.streams import Stream
    from target_dativo_iceberg.tables import Store
    from target_dativo_iceberg.timeline import Span

_T = TypeVar("_T")


class Epochs:
    """The open epoch, and the thread that writes files and talks to the catalog.

    Args:
        settings: of the run.
        report: has how many epochs are published.

    """

    def __init__(self, settings: Settings, report: RunReport) -> None:
        self._settings = settings
        self._report = report
        self._encoder = Threads(1, "encoder")
        self._store: Future[Store]
        self._open: Epoch | None = None

    def begin(self) -> None:
        """Begin to open the catalog; PyIceberg is imported meanwhile."""
        self._store = self._encoder.submit(opened_store, self._settings)

    def ask(self, question: Callable[[Future[Store]], _T]) -> _T:
        """Have something asked of the catalog, and wait for the answer."""
        return self._encoder.outcome(self._encoder.submit(question, self._store))

    def of(self, stream: Stream) -> Epoch:
        """Return the open epoch with a stream's table in it."""
        if not self._opened().has(stream.name):
            self.bind(stream)
        return self._opened()

    def bind(self, stream: Stream) -> None:
        """Have a stream's table take what its contract has now."""
        self._opened().bind(
            stream.name, stream.identifier, stream.contract, stream.privacy.check_table, settings=stream.settings
        )

    def _opened(self) -> Epoch:
        if self._open is None:
            self._open = Epoch(self._settings, self._store, self._encoder, self._report.epochs + 1)
        return self._open

    def check(self) -> None:
        """Raise what the encoder met, as soon as it is known."""
        if self._open is not None:
            self._open.check()

    def publish(
        self, counts: Mapping[str, StreamReport], state: str, previous: str, audits: Sequence[Audit], note: Note
    ) -> Span | None:
        """Publish the open epoch; return when it was staged and published, None when there is none.

        Args:
            counts: as `Epoch.publish` has them, like all others.
            state: as there.
            previous: as there.
            audits: as there.
            note: as there.

        Raises:
            DativoError: nothing of the epoch is visible, or the warehouse of a run without rows cannot be used.

        """
        if self._open is None:
            self._encoder.outcome(self._store)
            return None
        self._open.publish(counts, state, previous, audits, note)
        span, self._open = self._open.span, None
        return span

    def discard(self) -> None:
        """Drop the open epoch: no snapshot names its files."""
        if self._open is not None:
            self._open.discard()

    def close(self, *, wait: bool) -> None:
        """End the thread; it may hang in a call to a dead store, so after a failure nobody waits for it."""
        self._encoder.shutdown(wait=wait, cancel_futures=True)
