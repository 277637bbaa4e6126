"""What the loader asks of the catalog; all of it runs on the encoder thread, which alone imports PyIceberg."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING

from target_dativo_iceberg import log

if TYPE_CHECKING:
    from target_dativo_iceberg.settings import Settings
    from target_dativo_iceberg.streams import Stream
    from target_dativo_iceberg.tables import Store


def opened_store(settings: Settings) -> Store:
    """Open the catalog; PyIceberg is so imported while the first blocks are parsed.

    Raises:
        SettingsError: the warehouse cannot be written or the catalog's properties are refused.
        StoreError: the catalog did not answer.

    """
    from target_dativo_iceberg.tables import open_store  # noqa: PLC0415 - PyIceberg loads on this thread

    store = open_store(settings)
    if settings.publish == "branch":
        from target_dativo_iceberg.audited import sweep  # noqa: PLC0415 - only for Nessie

        for branch in sweep(settings):
            log.say(f"branch '{branch}' of an earlier run was swept")
    return store


def fitting_table(stream: Stream, store: Future[Store]) -> tuple[str, ...]:
    """Return the table that takes a stream's rows."""
    from target_dativo_iceberg.fitting import fitting  # noqa: PLC0415 - as above

    return fitting(store.result(), stream.identifier, stream.contract)


def learn_keys(stream: Stream, store: Future[Store]) -> None:
    """Tell a stream the keys of its table."""
    from target_dativo_iceberg.table_rows import published  # noqa: PLC0415 - as above

    stream.ordered.learn(stream.identifier, published(store.result()))
