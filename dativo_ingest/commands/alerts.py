"""`dativo alerts`: for cron: tell of jobs that have not succeeded for too long, or try out where alerts go."""

from __future__ import annotations

import argparse

from dativo_ingest import exit_codes
from dativo_ingest.alerts.channels import Channel, Message
from dativo_ingest.alerts.sending import send
from dativo_ingest.alerts.telling import tell_of_overdue
from dativo_ingest.commands.common import (
    add_alerts_option,
    add_job_options,
    options_of,
    print_json,
    print_table,
    private_umask,
    said,
)
from dativo_ingest.events import Events
from dativo_ingest.runner import read_runner
from dativo_ingest.startup import Options, Prepared, start

_TEST = "This is a test of alerts: it was asked for by dativo alerts --test."


def add_alerts(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    text = "tell of jobs without a success for too long; exit code 0 none, 1 some, 2 a job or alert cannot be used"
    parser = commands.add_parser("alerts", help=text, description=text)
    add_job_options(parser, runner=True)
    add_alerts_option(parser)
    parser.add_argument("--test", action="store_true", help="send a test to every URL, and look at no job")
    parser.set_defaults(run=_alerts)


def _alerts(arguments: argparse.Namespace) -> int:
    events = Events(level="WARNING")
    with private_umask():
        return said(events, lambda: _work(arguments, options_of(arguments, probes=False), events))


def _work(arguments: argparse.Namespace, options: Options, events: Events) -> int:
    prepared = _enabled(start(options, events), options)
    code = exit_codes.FAILURE if any(one.error for one in prepared) else exit_codes.SUCCESS
    if arguments.test:
        return max(code, _tested(arguments, prepared, events))
    told = tell_of_overdue(prepared, events)
    jobs = [{"tenant": one.run.tenant, "job": one.run.job, "no_success_since": one.since} for one in told]
    code = max(code, exit_codes.PARTIAL if jobs else exit_codes.SUCCESS)
    if arguments.json:
        print_json({"exit_code": code, "jobs": jobs}, events)
    else:
        print_table(("tenant", "job", "no success since"), [list(job.values()) for job in jobs], events)
    return code


def _enabled(prepared: list[Prepared], options: Options) -> list[Prepared]:
    """Leave out jobs of a runner file whose schedules are all switched off."""
    if options.runner_config is None:
        return prepared
    _, runner = read_runner(options.runner_config)
    on = {options.places.root / one.config for one in runner.orchestrator.schedules if one.enabled}
    return [one for one in prepared if one.path in on]


def _tested(arguments: argparse.Namespace, prepared: list[Prepared], events: Events) -> int:
    channels: dict[str, tuple[Channel, float]] = {}
    for wanted in (one.wanted for one in prepared if one.wanted is not None):
        channels |= {url: (channel, wanted.timeout_seconds) for url, channel in wanted.channels.items()}
    title = "dativo: a test of alerts"
    message = Message(title, _TEST, bad=False, data={"title": title, "message": _TEST, "call_id": None, "jobs": []})
    delivered = send([(channel, message, seconds) for channel, seconds in channels.values()], events)
    if arguments.json:
        print_json({"urls": len(channels), "delivered": delivered}, events)
    else:
        print_table(("URLs", "delivered"), [[len(channels), delivered]], events)
    return exit_codes.SUCCESS if delivered == len(channels) else exit_codes.FAILURE
