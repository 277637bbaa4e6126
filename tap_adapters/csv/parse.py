"""CSV text to Arrow: the choice between the quick engine and the exact one."""

from __future__ import annotations

from collections.abc import Generator

from tap_adapters.csv.exact import OnRagged, exact_rows
from tap_adapters.csv.layout import Layout, Rows
from tap_adapters.csv.quick import UnsureError, quick_batches


def read_rows(layout: Layout, on_ragged: OnRagged, *, numbered: bool) -> Generator[Rows]:
    """Yield all rows of a text in order. `numbered` asks for the line of each row, which only the csv module knows.

    What the quick engine cannot vouch for is read again by the exact one, after the rows already delivered; so an
    error always comes from the exact engine, worded and with its line.
    """
    before = 0
    if not numbered:
        try:
            for batch in quick_batches(layout):
                if batch.num_rows:
                    yield Rows(batch, before, None)
                    before += batch.num_rows
        except UnsureError:
            pass
        else:
            return
    yield from exact_rows(layout, before, on_ragged)
