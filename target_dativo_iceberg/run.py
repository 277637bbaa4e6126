"""One run of the target: the input is loaded, STATE printed, the run report kept, and what happened told."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from target_dativo_iceberg import log, whole_file
from target_dativo_iceberg.errors import InputError, Stop, StoreError
from target_dativo_iceberg.loader import Loader
from target_dativo_iceberg.machine import machine_errors
from target_dativo_iceberg.report import RunReport
from target_dativo_iceberg.route import Contracts
from target_dativo_iceberg.settings import Settings
from target_dativo_iceberg.telemetry.events import RunEnded, RunStarted
from target_dativo_iceberg.telemetry.feed import Feed
from target_dativo_iceberg.telemetry.opening import opened
from target_dativo_iceberg.whereabouts import whereabouts


def run(settings: Settings, source: Any) -> RunReport:
    """Load everything on the input and print STATE on standard output.

    Args:
        settings: of the target.
        source: standard input, an open file, or text in memory; None where standard input is closed.

    Raises:
        DativoError: of the kind that says what is wrong; whatever was not published is loaded by the next run.

    """
    if source is None:
        raise InputError("standard input is closed", "pipe a tap into the target")
    if sys.stdout is None:
        raise StoreError("standard output is closed, so no STATE can be printed", "redirect it to a file")
    stdout = sys.stdout

    def printed(value: bytes) -> None:
        emit(value, stdout)  # as it is now: what else may print is sent elsewhere later on

    report = RunReport(settings.run_id, settings.job_id, settings.tenant_id)
    report.where = whereabouts(settings, asks=False)
    feed = opened(settings, report, os.environ)
    try:
        feed.say(RunStarted(report.run_id, report.job_id, report.tenant_id, report.started, report.began))
        _keep(report.as_dict(), settings)  # as running: a path that cannot be written ends the run before it begins
        with machine_errors():
            contracts = Contracts(settings, _documents(settings))
            Loader(settings, contracts, binary(source), printed, _maps(settings), feed=feed).run()
    except BaseException as error:
        report.end(error)
        found = report.as_dict()
        with contextlib.suppress(StoreError):
            _keep(found, settings)
        _tell_end(feed, found)
        raise
    report.end()
    report.where = whereabouts(settings, asks=settings.report_path is not None)
    found = report.as_dict()
    _keep(found, settings)
    _tell_end(feed, found)
    return report


def _keep(report: Mapping[str, Any], settings: Settings) -> None:
    if not settings.report_path:
        return
    path, what = Path(settings.report_path), "the run report"
    if not path.name:
        raise StoreError(f"{what} cannot be written (its path names a folder)", "check report_path")
    whole_file.write(path, json.dumps(report, indent=2) + "\n", what=what, setting="report_path")


def _tell_end(feed: Feed, found: Mapping[str, Any]) -> None:
    """Tell that the run has ended. A signal ends the telling only: what it would stop is over."""
    with contextlib.suppress(Stop):
        feed.say(RunEnded(found, feed.report.line()))


def _documents(settings: Settings) -> Any:
    if settings.contract_path is None:
        return None
    from target_dativo_iceberg.contract import load  # noqa: PLC0415 - YAML only when there is a contract

    found = load(settings.contract_path)
    for note in found.notes:
        log.once(str(note), level="info")
    return found


def _maps(settings: Settings) -> Any:
    if not settings.mapping:
        return None
    from target_dativo_iceberg.maps import StreamMaps  # noqa: PLC0415 - only for those who use maps

    return StreamMaps(settings.mapping)


def emit(value: bytes, stream: TextIO) -> None:
    """Print one STATE value, byte for byte."""
    out = getattr(stream, "buffer", None)
    if out is None:  # text in memory
        stream.write(value.decode() + "\n")
    else:
        out.write(value + b"\n")
    stream.flush()


def binary(source: Any) -> BinaryIO:
    """Return the unbuffered binary stream under an open file; text in memory becomes bytes in memory."""
    if isinstance(source, io.TextIOBase):
        buffer = getattr(source, "buffer", None)
        if buffer is None:
            return io.BytesIO(source.read().encode())
        source = buffer
    return getattr(source, "raw", source)  # type: ignore[no-any-return]
