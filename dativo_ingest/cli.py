"""`dativo`: one command for contracts, plans, replays, care of tables and the local stack."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from importlib import metadata
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Commands that are programs of the target, which this package does not import.
_PROGRAMS = {
    "plan": "show what a load would change in the tables, and why",
    "replay": "send quarantined records through the contract as it is now",
    "maintain": "compact files, delete rows past retention, expire snapshots, clear orphans away",
}
_ABOUT = "Contracts, plans of loads, replays of quarantined records, care of tables, and a local stack."
_EPILOG = "Every command has --help and --json. Exit codes: 0 success, 1 partly, 2 failure, 128 + n signal n."


def main(words: Sequence[str] | None = None) -> int:
    """Run `dativo` and return its exit code.

    Args:
        words: the command line after `dativo`; that of the process if not given.

    """
    given = list(sys.argv[1:] if words is None else words)
    if given and given[0] in _PROGRAMS:
        become_program(given[0], given[1:])
    arguments = _parser().parse_args(given)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("dativo.stack").setLevel(logging.INFO)
    run: Callable[[argparse.Namespace], int] = arguments.run
    return run(arguments)


def become_program(name: str, words: Sequence[str]) -> NoReturn:
    """Become a program of the target: its streams, signals and exit code are then those of this process."""
    sys.stdout.flush()
    sys.stderr.flush()
    # -P: nothing is imported from the folder that the command is run in.
    os.execv(sys.executable, [sys.executable, "-P", "-m", f"target_dativo_iceberg.{name}", *words])  # noqa: S606


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dativo", description=_ABOUT, epilog=_EPILOG)
    version = metadata.version("target-dativo-iceberg")
    parser.add_argument("--version", action="version", version=f"dativo {version}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    _add_jobs(commands)
    _add_check(commands)
    for name, text in _PROGRAMS.items():
        commands.add_parser(name, help=text)
    _add_stack(commands)
    return parser


def _add_jobs(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from dativo_ingest.commands.alerts import add_alerts  # noqa: PLC0415 - so that each command can be used alone
    from dativo_ingest.commands.jobs import add_jobs  # noqa: PLC0415 - as above
    from dativo_ingest.commands.report import add_report  # noqa: PLC0415 - as above
    from dativo_ingest.commands.run import add_run  # noqa: PLC0415 - as above
    from dativo_ingest.commands.start import add_start  # noqa: PLC0415 - as above

    add_run(commands)
    add_start(commands)
    add_report(commands)
    add_alerts(commands)
    add_jobs(commands)


def _add_check(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from dativo_ingest.commands.common import add_job_options  # noqa: PLC0415 - as above

    text = "check jobs with their source, servers and tables, or lint contracts; exit code 2 when one cannot be used"
    check = commands.add_parser("check", help=text, description=text)
    check.add_argument("paths", nargs="*", metavar="PATH", help="contract file, or folder of contracts")
    add_job_options(check, required=False, runner=True)
    check.add_argument("--quick", action="store_true", help="look at files and servers only, not at source and tables")
    check.add_argument("--no-install", action="store_true", help="do not install a tap in order to ask it")
    check.set_defaults(run=_check, parser=check)


def _check(arguments: argparse.Namespace) -> int:
    jobs = arguments.config or arguments.job_dir or arguments.runner_config
    if bool(jobs) == bool(arguments.paths):
        arguments.parser.error("give jobs (--config, --job-dir, --runner-config) or contracts (PATH)")
    if jobs:
        from dativo_ingest.commands.check import check  # noqa: PLC0415 - as above

        return check(arguments)
    from target_dativo_iceberg.contract.__main__ import main as contracts  # noqa: PLC0415 - YAML only for this command

    return contracts(["check", *(["--json"] if arguments.json else []), "--", *arguments.paths])


def _add_stack(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from dativo_ingest.stack.cli import add_stack_commands  # noqa: PLC0415 - so that each command can be used alone

    text = "a local Nessie and S3 store, without Docker"
    stack = commands.add_parser("stack", help=text, description=text)
    add_stack_commands(stack.add_subparsers(required=True, metavar="up|down|status"))
