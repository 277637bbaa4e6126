"""The Singer SDK's face of the target: settings, `--about`, `--config`; standard input goes to the loader."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, BinaryIO, ClassVar, NoReturn, TextIO

from singer_sdk import Target
from singer_sdk.exceptions import MissingKeyPropertiesError, RecordsWithoutSchemaException
from singer_sdk.helpers.capabilities import PluginCapabilities, TargetCapabilities
from singer_sdk.singerlib.encoding.base import GenericSingerReader
from singer_sdk.sinks import Sink

from target_dativo_iceberg import config, log, whole_file
from target_dativo_iceberg.errors import (
    DativoError,
    InputError,
    MissingKeyError,
    RecordBeforeSchemaError,
    Stop,
    StoreError,
)
from target_dativo_iceberg.loader import Loader
from target_dativo_iceberg.machine import machine_errors
from target_dativo_iceberg.report import RunReport
from target_dativo_iceberg.route import Contracts
from target_dativo_iceberg.settings import Settings, json_schema, parse
from target_dativo_iceberg.telemetry.events import RunEnded, RunStarted
from target_dativo_iceberg.telemetry.feed import Feed
from target_dativo_iceberg.telemetry.opening import opened
from target_dativo_iceberg.whereabouts import whereabouts


class BlockReader(GenericSingerReader[bytes]):
    """The SDK's bulk entry point: hands the input, unread, to the target's loader."""

    default_input: IO[bytes] = getattr(sys.stdin, "buffer", None)  # type: ignore[assignment]  # None: closed

    def deserialize_json(self, line: bytes) -> dict[str, Any]:
        """Not used: lines are never read singly."""
        raise NotImplementedError

    def process_lines(self, file_input: IO[bytes] | None, callbacks: Mapping[Any, Callable[..., Any]]) -> Counter[str]:
        """Run the loader over the input."""
        target = next(iter(callbacks.values())).__self__  # type: ignore[attr-defined]
        target.load(file_input or self.default_input)
        return Counter()


class TargetDativoIceberg(Target):
    """Singer target that enforces data contracts and publishes to Apache Iceberg."""

    name = "target-dativo-iceberg"
    package_name = "target-dativo-iceberg"
    config_jsonschema: ClassVar[dict[str, Any]] = json_schema()
    message_reader_class = BlockReader
    default_sink_class = Sink
    capabilities: ClassVar[list[Any]] = [
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.BATCH,
        PluginCapabilities.ACTIVATE_VERSION,
        TargetCapabilities.SOFT_DELETE,
        TargetCapabilities.HARD_DELETE,
        PluginCapabilities.STRUCTURED_LOGGING,
        TargetCapabilities.VALIDATE_RECORDS,
    ]

    def __init__(self, **options: Any) -> None:
        # Our own table of settings checks them: it names the nearest setting, and takes texts from the environment.
        options["validate_config"] = False
        options["setup_mapper"] = False
        log.drop_sdk_summary()
        super().__init__(**options)
        self.settings: Settings = parse(self.config)

    @classmethod
    def cb_config(cls, ctx: Any, param: Any, value: tuple[str, ...]) -> Any:
        """Read the files that `--config` names, each once: it may be a pipe. From here on the log has its form."""
        files: dict[str, Any] = {}
        environment = config.from_environment(os.environ) if "ENV" in value else {}
        for path in value:
            files |= config.check_file(path) if path != "ENV" else {}
        if (files | environment).get("log_format") == "json":
            log.as_json()
        given = super().cb_config(ctx, param, tuple(path for path in value if path == "ENV"))
        return replace(given, config=files)

    @property
    def _env_var_config(self) -> dict[str, str]:
        return config.from_environment(os.environ)

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add the SDK settings that are honoured: stream maps and flattening, nothing else."""
        own = cls.capabilities
        cls.capabilities = [PluginCapabilities.STREAM_MAPS, PluginCapabilities.FLATTENING]
        try:
            super(Target, cls).append_builtin_config(config_jsonschema)
        finally:
            cls.capabilities = own

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        return []

    def _setup_signal_handlers(self) -> None:
        """Leave signals to the loader: the SDK's handler re-enters a drain and loses rows (meltano/sdk#3775)."""

    def load(self, source: Any) -> RunReport:
        """Load everything on the input and print STATE.

        Args:
            source: standard input, an open file, or text in memory.

        """
        try:
            if source is None:
                raise InputError("standard input is closed", "pipe a tap into the target")
            if sys.stdout is None:
                raise StoreError("standard output is closed, so no STATE can be printed", "redirect it to a file")
            return self._load(binary(source))
        except DativoError as error:
            raise_for_sdk(error)

    def _load(self, source: BinaryIO) -> RunReport:
        settings, stdout = self.settings, sys.stdout

        def printed(value: bytes) -> None:
            emit(value, stdout)  # as it is now: what else may print is sent elsewhere later on

        report = RunReport(settings.run_id, settings.job_id, settings.tenant_id)
        report.where = whereabouts(settings, asks=False)
        feed = opened(settings, report, os.environ)
        try:
            feed.say(RunStarted(report.run_id, report.job_id, report.tenant_id, report.started, report.began))
            self._keep(report.as_dict())  # as running: a path that cannot be written ends the run before it begins
            with machine_errors():
                contracts = Contracts(settings, _documents(settings))
                Loader(settings, contracts, source, printed, _maps(settings), feed=feed).run()
        except BaseException as error:
            report.end(error)
            found = report.as_dict()
            with contextlib.suppress(StoreError):
                self._keep(found)
            _tell_end(feed, found)
            raise
        report.end()
        report.where = whereabouts(settings, asks=settings.report_path is not None)
        found = report.as_dict()
        self._keep(found)
        _tell_end(feed, found)
        return report

    def _keep(self, report: Mapping[str, Any]) -> None:
        if not self.settings.report_path:
            return
        path, what = Path(self.settings.report_path), "the run report"
        if not path.name:
            raise StoreError(f"{what} cannot be written (its path names a folder)", "check report_path")
        whole_file.write(path, json.dumps(report, indent=2) + "\n", what=what, setting="report_path")

    def process_endofpipe(self) -> None:
        """Nothing is left: the loader published at the end of input."""


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
    """Return the unbuffered binary stream under what the SDK hands over."""
    if isinstance(source, io.TextIOBase):
        buffer = getattr(source, "buffer", None)
        if buffer is None:
            return io.BytesIO(source.read().encode())
        source = buffer
    return getattr(source, "raw", source)  # type: ignore[no-any-return]


def raise_for_sdk(error: DativoError) -> NoReturn:
    """Raise the SDK's exception where it has one for the case, so that its callers recognise it."""
    kinds: tuple[tuple[type[DativoError], type[Exception]], ...] = (
        (RecordBeforeSchemaError, RecordsWithoutSchemaException),
        (MissingKeyError, MissingKeyPropertiesError),
    )
    for own, sdk in kinds:
        if isinstance(error, own):
            raise sdk(str(error)) from error
    raise error
