"""How one CSV text is laid out, and the batches of rows that come out of it."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _csv import Reader

    import pyarrow as pa

    from tap_adapters.csv.sources import Part


@dataclass(frozen=True, slots=True)
class Dialect:
    """The csv module's dialect parameters; an empty `quotechar` or `escapechar` means there is none."""

    delimiter: str = ","
    quotechar: str = '"'
    doublequote: bool = True
    escapechar: str = ""
    skipinitialspace: bool = False
    strict: bool = False

    def reader(self, lines: Iterable[str]) -> Reader:
        """Return a csv reader over lines that keep their line ends."""
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quotechar or None,
            quoting=csv.QUOTE_MINIMAL if self.quotechar else csv.QUOTE_NONE,
            doublequote=self.doublequote,
            escapechar=self.escapechar or None,
            skipinitialspace=self.skipinitialspace,
            strict=self.strict,
        )

    @property
    def is_plain(self) -> bool:
        """Whether pyarrow's parser reads this dialect exactly as the csv module does."""
        odd = self.escapechar or not self.doublequote or self.skipinitialspace or self.strict
        return not odd and (self.delimiter + self.quotechar).isascii()


@dataclass(frozen=True, slots=True)
class Layout:
    """One CSV text as its entity reads it. `header` is the raw first record, None if there is none."""

    part: Part
    encoding: str
    dialect: Dialect
    header: tuple[str, ...] | None
    columns: tuple[str, ...]

    @property
    def width(self) -> int:
        """The number of fields that every record must have."""
        return len(self.columns)


@dataclass(frozen=True, slots=True)
class Rows:
    """Some consecutive rows: text columns in file order, how many rows came before, and their lines if known."""

    batch: pa.RecordBatch
    before: int
    lines: list[int] | None
