"""How far a value may be from its column's type and still be read: coercion and the options that give up digits."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Coercion(StrEnum):
    """Which JSON types are read as another type; a value that would lose something never is."""

    NONE = "none"
    SAFE = "safe"
    DATIVO = "dativo"


class Rounding(StrEnum):
    """What becomes of digits that a decimal has no place for."""

    NONE = "none"
    HALF_EVEN = "half_even"


@dataclass(frozen=True, slots=True)
class Manner:
    """How the values of a column are read. None: the column does not say; its object, document or setting does.

    Attributes:
        coercion: which JSON types are read as another type; unsaid everywhere it is `safe`.
        rounding: of decimals; unsaid everywhere, more digits than the column has are a violation.
        cuts: whether digits of a second beyond microseconds are cut off; else they are a violation, unless zeros.

    """

    coercion: Coercion | None = None
    rounding: Rounding | None = None
    cuts: bool | None = None

    @property
    def strict(self) -> bool:
        """Whether a value must have the JSON type of its column."""
        return self.coercion is Coercion.NONE

    @property
    def lenient(self) -> bool:
        """Whether dativo's spellings of booleans and dates are read."""
        return self.coercion is Coercion.DATIVO

    @property
    def rounds(self) -> bool:
        """Whether decimals are rounded half to even."""
        return self.rounding is Rounding.HALF_EVEN

    def over(self, other: Manner) -> Manner:
        """Return this manner, with what it does not say from another."""
        return Manner(
            other.coercion if self.coercion is None else self.coercion,
            other.rounding if self.rounding is None else self.rounding,
            other.cuts if self.cuts is None else self.cuts,
        )


# Of a column that says nothing.
UNSAID = Manner()
