"""Messages for people on stderr: one line each."""

from __future__ import annotations

import logging
from typing import Any

from target_dativo_iceberg.errors import SettingsError

NAME = "target-dativo-iceberg"
_logger = logging.getLogger(NAME)
_said: set[str] = set()
_LONGEST = 2000


def once(message: str, level: str = "warning") -> None:
    """Log a message the first time it comes up in this process."""
    if message not in _said:
        _said.add(message)
        say(message, level)


def say(message: str, level: str = "info", **fields: Any) -> None:
    """Log a message.

    Args:
        message: one sentence.
        level: of Python's logging, in any case.
        **fields: what stands beside it when the log is JSON; never a record's value.

    """
    _logger.log(logging.getLevelNamesMapping()[level.upper()], "%s", one_line(message), extra=fields)


def as_json() -> None:
    """Have every line of the log be a JSON object, in the form of the Singer SDK, from now on."""
    from singer_sdk.logging import StructuredFormatter  # noqa: PLC0415 - only where it is asked for

    for handler in logging.getLogger().handlers:
        handler.setFormatter(StructuredFormatter())


def one_line(message: str) -> str:
    """Return a message without line breaks and terminal codes, which names from the input may hold, and cut if long."""
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in message[:_LONGEST])
    return shown if len(message) <= _LONGEST else f"{shown}…"


def check_level(name: str | None) -> None:
    """Refuse a LOGLEVEL that does not exist.

    Raises:
        SettingsError: it is none of Python's.

    """
    levels = logging.getLevelNamesMapping()
    if name and name.upper() not in levels:
        raise SettingsError("the environment's LOGLEVEL is unknown", f"use one of {', '.join(levels)}")


def drop_sdk_summary() -> None:
    """Leave out two lines of the SDK: one says that nothing was done, the other what the run report says better."""
    _logger.addFilter(_says_something)


def _says_something(line: logging.LogRecord) -> bool:
    return not str(line.msg).startswith(("Skipping parse of env var", "Reader '%s' completed"))
