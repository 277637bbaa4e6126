"""Messages for people on stderr: one line each."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from target_dativo_iceberg.errors import SettingsError

NAME = "target-dativo-iceberg"
METRICS = "singer_sdk.metrics"
_LINE = "{asctime:23s} | {levelname:8s} | {name:30s} | {message}"  # the SDK's
_LEVELS = ("TARGET_DATIVO_ICEBERG_LOGLEVEL", "LOGLEVEL")  # of the environment, the first counts
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


def versions() -> str:
    """Return the line that names the target's version and the SDK's, as every Singer target prints it."""
    own, sdk = (metadata.version(name) for name in (NAME, "singer-sdk"))
    return f"{NAME} v{own}, Meltano SDK v{sdk}"


def level(environment: Mapping[str, str]) -> str:
    """Return the log's level that the environment asks for.

    Raises:
        SettingsError: it is none of Python's.

    """
    levels = logging.getLevelNamesMapping()
    name = next((given for variable in _LEVELS if (given := environment.get(variable))), "INFO").upper()
    if name not in levels:
        raise SettingsError("the environment's LOGLEVEL is unknown", f"use one of {', '.join(levels)}")
    return name


def to_stderr(level: str) -> None:
    """Have every message from a level on be one line on stderr, in the form of the Singer SDK."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(_LINE, style="{"))
    root = logging.getLogger()
    root.setLevel(level)
    root.addHandler(handler)
    logging.getLogger(METRICS).setLevel(level)


def drop_sdk_summary() -> None:
    """Leave out two lines of the SDK: one says that nothing was done, the other what the run report says better."""
    _logger.addFilter(_says_something)


def _says_something(line: logging.LogRecord) -> bool:
    return not str(line.msg).startswith(("Skipping parse of env var", "Reader '%s' completed"))
