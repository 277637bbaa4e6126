"""The command line that Meltano runs, `--config FILE`: a load that does not import the Singer SDK (docs/adr/033)."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Mapping, Sequence

from target_dativo_iceberg import config, log
from target_dativo_iceberg.run import run
from target_dativo_iceberg.settings import parse

# The first has Python's logging configured with classes of the SDK, the second is click's shell completion.
_OF_SDK = ("SINGER_SDK_LOG_CONFIG", "_TARGET_DATIVO_ICEBERG_COMPLETE")


def config_names(arguments: Sequence[str], environment: Mapping[str, str]) -> Sequence[str] | None:
    """Return what `--config` names; None if the command line or the environment asks for more than a load.

    Args:
        arguments: of the command, without its name.
        environment: of the process.

    """
    options, names = arguments[::2], arguments[1::2]
    if len(options) != len(names) or set(options) - {"--config"} or environment.keys() & set(_OF_SDK):
        return None
    return names


def load(names: Sequence[str], environment: Mapping[str, str], level: str) -> None:
    """Load standard input, with the log and the settings that the SDK's command would give.

    Args:
        names: of config files; ENV stands for the environment.
        environment: of the process.
        level: of the log.

    Raises:
        DativoError: a config is wrong, or the load failed.

    """
    log.to_stderr(level)
    logging.captureWarnings(capture=True)
    warnings.filterwarnings("once", category=DeprecationWarning)
    values = config.merged(names, environment)
    if values.get("log_format") == "json":
        log.as_json()
    log.say(log.versions())
    if "ENV" in names:
        log.say("Parsing env var for settings config...")
    run(parse(values), getattr(sys.stdin, "buffer", None))
