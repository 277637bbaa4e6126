"""`dativo check` of jobs: everything that can be known before a run, from files, servers, tap and tables."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from dativo_ingest import exit_codes
from dativo_ingest.checking import ask_all
from dativo_ingest.commands.common import options_of, print_json, print_table, private_umask, said
from dativo_ingest.errors import ConfigError
from dativo_ingest.events import Events
from dativo_ingest.startup import Options, Prepared, start


def check(arguments: argparse.Namespace) -> int:
    """Run the command and return its exit code: 2 when any job could not be run."""
    events = Events(level="WARNING")
    with private_umask():
        return said(events, lambda: _check(arguments, options_of(arguments), events))


def _check(arguments: argparse.Namespace, options: Options, events: Events) -> int:
    results = [_result(one, arguments, options) for one in start(options, events)]
    code = exit_codes.worst(exit_codes.FAILURE if result["problems"] else exit_codes.SUCCESS for result in results)
    if arguments.json:
        print_json({"exit_code": code, "jobs": results}, events)
    else:
        rows: list[Sequence[object]] = []
        for result in results:
            good = not result["problems"]
            rows += [
                [result["tenant"], result["job"], "good" if good else "bad", p] for p in result["problems"] or [""]
            ]
        print_table(("tenant", "job", "is", "problem"), rows, events)
    return code


def _result(one: Prepared, arguments: argparse.Namespace, options: Options) -> dict[str, Any]:
    problems = [str(p) for p in one.error.problems] if isinstance(one.error, ConfigError) else []
    if one.error is not None and not problems:
        problems = [str(one.error)]
    problems += [f"{look.kind} does not answer: {look.problem}" for look in one.probes if look.problem]
    asked = []
    if one.ready is not None and not arguments.quick and not problems:
        asked = ask_all(one.ready, options.places, options.environment, one.events, install=not arguments.no_install)
        problems += [f"{finding.asked}: {finding.problem}" for finding in asked if finding.problem]
    return {
        "job": one.file.name if one.file else one.path.stem,
        "tenant": one.file.tenant if one.file else "-",
        "path": str(one.path),
        "asked": [finding.asked for finding in asked],
        "servers": [look.kind for look in one.probes],
        "warnings": list(one.ready.warnings) if one.ready else [],
        "problems": problems,
    }
