"""`up`, `down` and `status` of the local stack, for `python -m dativo_ingest.stack` and `dativo stack`."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from dativo_ingest.stack.errors import StackError
from dativo_ingest.stack.local import LocalStack
from dativo_ingest.stack.state import Folder, locked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DEFAULT_FOLDER = Path(".dativo/stack")
ALL_UP, SOME_UP, FAILED = 0, 1, 2
_PARSER_HELP = {
    "up": "start a local Nessie and S3 store and print the settings that use them",
    "down": "stop them",
    "status": "show which of them run; exit code 0 all, 1 some, 2 none",
}


def up(directory: Path, *, durable: bool = False) -> LocalStack:
    """Start the stack of `directory` so that it outlives this process; return it as it is when it is up already."""
    folder = Folder(directory.resolve())
    folder.make()
    with locked(folder.command_lock):
        stack = LocalStack.open(directory)
        if stack is None or set(_conditions(stack).values()) != {"up"}:
            if stack:
                stack.stop()
            return LocalStack.start(directory, durable=durable, detached=True)
    if durable and not stack.durable:
        raise StackError(f"The stack in {directory} runs without --durable; stop it first (dativo stack down).")
    return stack


def down(directory: Path) -> bool:
    """Stop the stack of `directory`; False when none of its servers ran."""
    folder = Folder(directory.resolve())
    if not folder.state.exists():
        return False
    with locked(folder.command_lock):
        stack = LocalStack.open(directory)
        ran = bool(set(_conditions(stack).values()) - {"down"})
        if stack:
            stack.stop()
        return ran


def status(directory: Path) -> dict[str, dict[str, Any]]:
    """Return condition, process id and ports of each server of `directory`; empty where there never was a stack."""
    stack = LocalStack.open(directory)
    if stack is None:
        return {}
    return {
        name: {"condition": condition, "pid": stack.processes[name].process.pid, "ports": stack.processes[name].ports}
        for name, condition in _conditions(stack).items()
    }


def _conditions(stack: LocalStack | None) -> dict[str, str]:
    return {name: stack.condition(name) for name in stack.processes} if stack else {}


def add_stack_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the three commands; each parser sets `run`, a function of the arguments that returns the exit code."""
    runs: dict[str, Callable[[argparse.Namespace], int]] = {"up": _run_up, "down": _run_down, "status": _run_status}
    for name, run in runs.items():
        parser = commands.add_parser(name, help=_PARSER_HELP[name], description=_PARSER_HELP[name])
        parser.add_argument(
            "--dir", type=Path, default=DEFAULT_FOLDER, help="folder of the stack (default: %(default)s)"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")
        parser.set_defaults(run=_reporting_errors(run))
        if name == "up":
            parser.add_argument("--durable", action="store_true", help="keep the data when the stack stops")


def _reporting_errors(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    def reporting(arguments: argparse.Namespace) -> int:
        try:
            return run(arguments)
        except StackError as error:
            sys.stderr.write(f"error: {error}\n")
        except OSError as error:
            sys.stderr.write(f"error: {error.strerror} ({error.filename}); give a folder that can be written.\n")
        return FAILED

    return reporting


def _run_up(arguments: argparse.Namespace) -> int:
    stack = up(arguments.dir, durable=arguments.durable)
    shown = {
        "settings": stack.target_settings(),
        "iceberg_uri": stack.iceberg_uri("main"),
        "durable": stack.durable,
    }
    if arguments.json:
        _print_json(shown)
    else:
        kept = "kept" if stack.durable else "deleted"
        lines = [f"  {name:<22}{value}" for name, value in stack.target_settings().items()]
        _print(f"The local stack is up; its data is {kept} when it stops. Settings for target-dativo-iceberg:", *lines)
    return ALL_UP


def _run_down(arguments: argparse.Namespace) -> int:
    ran = down(arguments.dir)
    if arguments.json:
        _print_json({"stopped": ran})
    else:
        _print("The local stack is stopped." if ran else f"No stack ran in {arguments.dir}.")
    return ALL_UP


def _run_status(arguments: argparse.Namespace) -> int:
    servers = status(arguments.dir)
    if arguments.json:
        _print_json({"servers": servers})
    elif servers:
        _print(*(_status_line(name, server) for name, server in servers.items()))
    else:
        _print(f"There is no stack in {arguments.dir}.")
    up_count = sum(server["condition"] == "up" for server in servers.values())
    if not up_count:
        return FAILED
    return ALL_UP if up_count == len(servers) else SOME_UP


def _status_line(name: str, server: dict[str, Any]) -> str:
    if server["condition"] == "down":
        return f"{name:<8}down"
    ports = " ".join(f"{what}={port}" for what, port in server["ports"].items())
    return f"{name:<8}{server['condition']:<8}pid {server['pid']}  {ports}"


def _print(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def _print_json(shown: dict[str, Any]) -> None:
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(shown)) + b"\n")


def main(words: Sequence[str] | None = None) -> int:
    """Run `python -m dativo_ingest.stack` and return its exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("dativo.stack").setLevel(logging.INFO)
    parser = argparse.ArgumentParser(prog="python -m dativo_ingest.stack", description=__doc__)
    add_stack_commands(parser.add_subparsers(required=True, metavar="up|down|status"))
    arguments = parser.parse_args(words)
    run: Callable[[argparse.Namespace], int] = arguments.run
    return run(arguments)
