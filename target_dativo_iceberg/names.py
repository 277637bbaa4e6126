"""Names: how a stream's name becomes a table's name, and which names are refused."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from target_dativo_iceberg.errors import InputError, SettingsError

_LONGEST = 200
# End of the name of a table beside another, for its rejected records.
QUARANTINE = "__quarantine"
_PART = "[A-Za-z0-9_][A-Za-z0-9_-]{0,199}"
_NAMESPACE = re.compile(rf"{_PART}(\.{_PART})*")


def table_name(stream: str, prefix: str = "") -> str:
    """Return the table name of a stream: lower case, `[a-z0-9_]`, never empty, at most 200 characters.

    Every other character becomes `_`. Two streams that fold to one name are refused by `Names`.
    """
    folded = re.sub(r"[^a-z0-9_]", "_", unicodedata.normalize("NFKC", prefix + stream).lower())
    if not folded.strip("_"):
        folded = f"stream_{_digest(stream)}"
    if len(folded) > _LONGEST:
        folded = f"{folded[: _LONGEST - 9]}_{_digest(stream)}"
    return folded


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def namespace(text: str) -> tuple[str, ...]:
    """Split a namespace at its dots.

    Raises:
        SettingsError: a part is empty, longer than 200 characters, or has a character outside `[A-Za-z0-9_-]`.

    """
    if not _NAMESPACE.fullmatch(text):
        raise SettingsError(
            "the namespace is not allowed",
            "use letters, digits, '_' and '-', and dots between parts of at most 200 characters",
        )
    return tuple(text.split("."))


def file_prefix(run_id: str, epoch: int) -> str:
    """Return the start of the names of an epoch's data files: the run's id, safe in a path, and the epoch."""
    return f"{re.sub(r'[^A-Za-z0-9_-]', '-', run_id)[:40]}-{epoch:04d}"


class Names:
    """The table names given out in a run; one name belongs to one stream."""

    def __init__(self) -> None:
        self._owner: dict[tuple[str, ...], str] = {}

    def claim(self, identifier: tuple[str, ...], stream: str) -> None:
        """Reserve a table for a stream.

        Raises:
            InputError: another stream has it.

        """
        owner = self._owner.setdefault(identifier, stream)
        if owner != stream:
            raise InputError(
                f"streams '{owner}' and '{stream}' both go to table '{'.'.join(identifier)}'",
                "rename one with stream_maps (`__alias__`) or by the contract's physicalName",
            )
