"""Commands that look at jobs and their state: discover, state, install."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dativo_ingest import exit_codes, private_files, recovery, state
from dativo_ingest.commands.common import add_job_options, options_of, print_json, print_table, private_umask, said
from dativo_ingest.discovery import discover, objects_of
from dativo_ingest.errors import LockedError, StateError
from dativo_ingest.events import Events
from dativo_ingest.ready import Ready
from dativo_ingest.startup import Options, Prepared, start
from dativo_ingest.taps import ensure_tap, with_source

Work = Callable[[argparse.Namespace, Options, Sequence[Prepared], Events], int]
_LOCK_SECONDS = 1.0


def add_jobs(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    text = "show what a job's source holds, as its tap finds it"
    discovering = commands.add_parser("discover", help=text, description=text)
    add_job_options(discovering)
    discovering.add_argument("--no-install", action="store_true", help="fail when the tap is not installed yet")
    discovering.set_defaults(run=_prepared(_discover))
    text = "install the taps that jobs need"
    installing = commands.add_parser("install", help=text, description=text)
    add_job_options(installing)
    installing.set_defaults(run=_prepared(_install))
    text = "show, set or forget the cursors of a job"
    states = commands.add_parser("state", help=text, description=text)
    kinds = states.add_subparsers(required=True, metavar="show|set|reset")
    for name, work in (("show", _show), ("set", _set), ("reset", _reset)):
        one = kinds.add_parser(name, help=_STATE_HELP[name], description=_STATE_HELP[name])
        add_job_options(one)
        if name == "set":
            one.add_argument("--file", metavar="FILE", help="Singer STATE or state.json (default: standard input)")
        one.set_defaults(run=_prepared(work))


_STATE_HELP = {
    "show": "print state.json",
    "set": "put a Singer STATE, or a state.json of another machine, in its place",
    "reset": "forget the cursors: the next run reads everything",
}


def _prepared(work: Work) -> Callable[[argparse.Namespace], int]:
    """Return a command that does its work on jobs that are ready; one that is not makes it a failure."""

    def run(arguments: argparse.Namespace) -> int:
        events = Events(level="WARNING")

        def all_of_it() -> int:
            options = options_of(arguments, probes=False)
            prepared = start(options, events)
            code = work(arguments, options, prepared, events)
            return max(code, exit_codes.FAILURE if any(one.error for one in prepared) else code)

        with private_umask():
            return said(events, all_of_it)

    return run


def _ready(prepared: Sequence[Prepared]) -> list[Ready]:
    return [one.ready for one in prepared if one.ready is not None]


def _discover(arguments: argparse.Namespace, options: Options, prepared: Sequence[Prepared], events: Events) -> int:
    found: list[dict[str, Any]] = []
    for one in _ready(prepared):
        install = not arguments.no_install
        extractor = with_source(one.extractor, options.places, options.environment, events, install=install)
        tap = ensure_tap(extractor, options.places, options.environment, events, install=install)
        catalog = discover(extractor, tap, options.environment, events.redactor)
        objects = objects_of(catalog, one.extractor)
        metadata = {"tenant": one.file.tenant, "job": one.file.name, "tap": one.extractor.name}
        found.append({"objects": objects, "metadata": metadata, "count": len(objects)})
    if arguments.json:
        print_json(found[0] if arguments.config and found else {"jobs": found}, events)
    else:
        rows = [
            [
                entry["metadata"]["job"],
                o["name"],
                "yes" if o["selected"] else "no",
                ",".join(o["keys"]),
                len(o["columns"]),
            ]
            for entry in found
            for o in entry["objects"]
        ]
        print_table(("job", "stream", "read", "keys", "columns"), rows, events)
    return exit_codes.SUCCESS


def _install(arguments: argparse.Namespace, options: Options, prepared: Sequence[Prepared], events: Events) -> int:
    places, environment = options.places, options.environment
    rows: list[list[object]] = []
    for one in _ready(prepared):
        extractor = with_source(one.extractor, places, environment, events, install=True)
        tap = ensure_tap(extractor, places, environment, events, install=True)
        rows += [[one.file.tenant, one.file.name, tap]]
    if arguments.json:
        print_json({"taps": [dict(zip(("tenant", "job", "tap"), row, strict=True)) for row in rows]}, events)
    else:
        print_table(("tenant", "job", "tap"), rows, events)
    return exit_codes.SUCCESS


def _show(arguments: argparse.Namespace, _options: Options, prepared: Sequence[Prepared], events: Events) -> int:
    found = {one.file.id: _as_written(one) for one in _ready(prepared)}
    if arguments.config:
        for value in found.values():
            print_json(value, events)
    else:
        print_json(found, events)
    return exit_codes.SUCCESS


def _as_written(ready: Ready) -> dict[str, Any]:
    saved = state.read(ready.folder.state)
    if saved is None:
        return {}
    about = {"singer": {"run_id": saved.run_id, "sha256": saved.sha256, "state": saved.value}} if saved.text else {}
    return {**saved.entries, **about}


def _set(arguments: argparse.Namespace, _options: Options, prepared: Sequence[Prepared], events: Events) -> int:
    try:
        text = Path(arguments.file).read_text() if arguments.file else sys.stdin.read()
        given = json.loads(text)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not JSON"
        raise StateError(f"the STATE cannot be read ({reason})", "give a JSON object") from None
    if not isinstance(given, dict):
        raise StateError("the STATE is not a JSON object", "give a Singer STATE or a state.json")
    for one in _ready(prepared):
        _changed(one, lambda ready=one: _put(ready, given))  # type: ignore[misc]
    return _show(arguments, _options, prepared, events)


def _put(ready: Ready, given: dict[str, Any]) -> None:
    """Save what was given: the Singer STATE of a state.json, its entries as a STATE of this tap, or a bare STATE."""
    if isinstance(given.get("singer"), dict):
        value = given["singer"].get("state")
    elif given and all(key.startswith(("object_", "file_")) for key in given):
        value = ready.extractor.cursors.imported(given)
    else:
        value = given
    if not isinstance(value, dict):
        raise StateError("state.json has no Singer STATE", "give the STATE itself")
    state.write(ready.folder.state, json.dumps(value), ready.extractor.cursors, "")


def _reset(arguments: argparse.Namespace, _options: Options, prepared: Sequence[Prepared], events: Events) -> int:
    for one in _ready(prepared):
        _changed(one, lambda ready=one: state.reset(ready.folder.state))  # type: ignore[misc]
    return _show(arguments, _options, prepared, events)


def _changed(ready: Ready, work: Callable[[], None]) -> None:
    """Change the state of a job that is not being run; what an earlier run left to be settled is settled so."""
    with private_files.locked(ready.folder.lock, _LOCK_SECONDS) as held:
        if not held:
            raise LockedError(f"job {ready.file.id} is being run", "wait for its end")
        recovery.close(ready.folder)
        work()
