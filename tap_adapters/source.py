"""One source of one job, as plain data: what a recipe and a job say together, with environment and secrets resolved."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Incremental:
    """Which records a run reads: `strategy` as in the registry, None of it means that all is read.

    `cursor_field` is the job's, else the recipe's default; `lookback_days` counts back from the stored cursor.
    """

    strategy: str
    cursor_field: str | None = None
    lookback_days: int = 0


@dataclass(frozen=True)
class Source:
    """The source of a job after its recipe was merged in; keys are canonical, legacy spellings are gone.

    `credentials` holds values by setting name (an `api_key`, or a service account's fields), `columns` the contract's
    columns by object where there is a contract, `options` those of the engine that runs. Relative paths are below
    `folder`.
    """

    type: str
    engine: str
    folder: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    connection: Mapping[str, Any] = field(default_factory=dict)
    credentials: Mapping[str, Any] = field(default_factory=dict, repr=False)
    objects: tuple[str, ...] = ()
    files: tuple[Mapping[str, Any], ...] = ()
    sheets: tuple[Mapping[str, Any], ...] = ()
    tables: tuple[Mapping[str, Any], ...] = ()
    incremental: Incremental | None = None
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
