"""`plan`, `replay` and `maintain` of a job: the target's own programs, with the settings that a run of the job has."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from dativo_ingest.commands.common import add_place_options, options_of
from dativo_ingest.errors import OrchestratorError
from dativo_ingest.events import Events
from dativo_ingest.meltano import program_environment
from dativo_ingest.startup import start


def of_job(name: str, words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return the words that are left for a program, and the environment that holds the job's settings.

    Args:
        name: of the command.
        words: its command line, with `--job`.

    Raises:
        OrchestratorError: the job cannot be used.

    """
    parser = argparse.ArgumentParser(prog=f"dativo {name}", add_help=False, allow_abbrev=False)
    parser.add_argument("--job", required=True, metavar="JOB")
    add_place_options(parser)
    arguments, left = parser.parse_known_args(words)
    if any(word == "--config" or word.startswith("--config=") for word in left):
        parser.error("give --job or --config, not both")
    arguments.config, arguments.job_dir = arguments.job, None
    (prepared,) = start(options_of(arguments, probes=False), Events(level="CRITICAL"))
    if prepared.ready is None:
        raise prepared.error or OrchestratorError(f"job {prepared.path} cannot be used")
    ready = prepared.ready
    return left, program_environment({**ready.settings, "job_id": ready.file.id}, os.environ)
