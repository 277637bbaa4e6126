"""Where a config comes from: files named by `--config`, and the environment."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from target_dativo_iceberg import log
from target_dativo_iceberg.errors import SettingsError
from target_dativo_iceberg.setting_table import BY_NAME, SDK_SETTINGS
from target_dativo_iceberg.settings import nearest

PREFIX = "TARGET_DATIVO_ICEBERG_"
# The level of the log.
_OTHERS = {"LOGLEVEL"}


def check_file(path: str) -> dict[str, Any]:
    """Return what a config file holds; refuse one that is not one JSON object.

    Raises:
        SettingsError: it is missing, cannot be read, or holds something else.

    """
    try:
        found = json.loads(Path(path).read_bytes().decode(), parse_constant=_refuse)
    except OSError as error:
        raise SettingsError(f"config file '{path}' cannot be read ({error.strerror})", "check --config") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise SettingsError(f"config file '{path}' is not JSON ({where})", "mend it") from None
    except (ValueError, RecursionError):
        raise SettingsError(f"config file '{path}' is not JSON in UTF-8", "mend it") from None
    if not isinstance(found, dict):
        raise SettingsError(f"config file '{path}' is not a JSON object", 'put the settings in {"name": value, …}')
    return found


def merged(names: Sequence[str], environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings that `--config` names: of files the last wins, and the environment over all of them.

    Args:
        names: paths of files, each read once, as it may be a pipe; ENV stands for the environment.
        environment: variables `TARGET_DATIVO_ICEBERG_<NAME>`.

    Raises:
        SettingsError: a file cannot be read, or is not a JSON object.

    """
    found: dict[str, Any] = {}
    for path in names:
        found |= check_file(path) if path != "ENV" else {}
    return found | (from_environment(environment) if "ENV" in names else {})


def _refuse(_constant: str) -> NoReturn:
    raise ValueError


def from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that variables `TARGET_DATIVO_ICEBERG_<NAME>` give, as texts; say which name none."""
    names = {name.upper(): name for name in (*BY_NAME, *SDK_SETTINGS)}
    found = {}
    for variable, value in environment.items():
        key = variable.removeprefix(PREFIX)
        if not variable.startswith(PREFIX) or key in _OTHERS or key.startswith("_"):
            continue
        if key in names:
            found[names[key]] = value
        else:
            near = nearest(key.lower())
            meant = f" (did you mean {PREFIX}{near.upper()}?)" if near else ""
            log.once(f"environment variable {variable} names no setting{meant}")
    return found
