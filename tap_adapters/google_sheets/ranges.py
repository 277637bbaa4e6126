"""Ranges of a sheet in A1 notation: `A1:Z1000`, `B:D`, `A2:F`, `3:9`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

CORNER = r"([A-Za-z]{1,3})?([1-9][0-9]{0,7})?"
RANGE = re.compile(f"{CORNER}:{CORNER}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Range:
    """Rows and columns from 1, both ends counted; None means up to the sheet's end."""

    first_row: int = 1
    first_column: int = 1
    last_row: int | None = None
    last_column: int | None = None

    @classmethod
    def parse(cls, text: str | None) -> Range | None:
        """Return the range that a text means (no text: the whole sheet), None if it means none."""
        if not text:
            return cls()
        match = RANGE.fullmatch(text.strip())
        if not match or not (match[1] or match[2]) or not (match[3] or match[4]):
            return None
        found = cls(
            first_row=int(match[2] or 1),
            first_column=_number(match[1] or "A"),
            last_row=int(match[4]) if match[4] else None,
            last_column=_number(match[3]) if match[3] else None,
        )
        return found if found._is_straight() else None

    def within(self, rows: int, columns: int) -> Range:
        """Return the part of it that a grid has: the service refuses what lies outside."""
        return replace(
            self, last_row=min(self.last_row or rows, rows), last_column=min(self.last_column or columns, columns)
        )

    @property
    def width(self) -> int:
        """The number of its columns; its right end must be known."""
        return (self.last_column or 0) - self.first_column + 1

    def rows(self, first: int, last: int) -> Range:
        """Return it with other rows."""
        return replace(self, first_row=first, last_row=last)

    def a1(self, title: str) -> str:
        """Return it as the service wants it, in a sheet; its ends must be known."""
        quoted = title.replace("'", "''")
        left, right = _letters(self.first_column), _letters(self.last_column or self.first_column)
        return f"'{quoted}'!{left}{self.first_row}:{right}{self.last_row}"

    def _is_straight(self) -> bool:
        rows = self.last_row is None or self.last_row >= self.first_row
        return rows and (self.last_column is None or self.last_column >= self.first_column)


def _number(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _letters(number: int) -> str:
    letters = ""
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters
