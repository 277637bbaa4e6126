"""The Singer SDK's face of the target: settings, `--about`, `--config`; standard input goes to the loader."""

from __future__ import annotations

import io
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from typing import IO, Any, BinaryIO, ClassVar, NoReturn

from singer_sdk import Target
from singer_sdk.exceptions import InvalidRecord, MissingKeyPropertiesError, RecordsWithoutSchemaException
from singer_sdk.helpers.capabilities import PluginCapabilities, TargetCapabilities
from singer_sdk.singerlib.encoding.base import GenericSingerReader
from singer_sdk.sinks import Sink

from target_dativo_iceberg import log
from target_dativo_iceberg.errors import (
    ContractError,
    DativoError,
    InputError,
    Interrupted,
    MissingKeyError,
    RecordBeforeSchemaError,
    SettingsError,
    ViolationError,
)
from target_dativo_iceberg.loader import Loader
from target_dativo_iceberg.report import RunReport
from target_dativo_iceberg.route import Contracts
from target_dativo_iceberg.settings import Settings, json_schema, parse


class BlockReader(GenericSingerReader[bytes]):
    """The SDK's bulk entry point: hands the input, unread, to the target's loader."""

    default_input = sys.stdin.buffer

    def deserialize_json(self, line: bytes) -> dict[str, Any]:  # noqa: D102 - not used: lines are never read singly
        raise NotImplementedError

    def process_lines(self, file_input: IO[bytes], callbacks: Mapping[Any, Callable[..., Any]]) -> Any:
        """Run the loader over the input."""
        target = next(iter(callbacks.values())).__self__  # type: ignore[attr-defined]
        report = target.load(file_input or self.default_input)
        counts = {"RECORD": sum(s.records for s in report.streams.values()), "SCHEMA": len(report.streams)}
        return Counter(counts, STATE=report.states)


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
        PluginCapabilities.STRUCTURED_LOGGING,
        TargetCapabilities.VALIDATE_RECORDS,
    ]

    def __init__(self, **options: Any) -> None:
        # Our own table of settings checks them: it names the nearest setting, and takes texts from the environment.
        options["validate_config"] = False
        options["setup_mapper"] = False
        super().__init__(**options)
        self.settings: Settings = parse(self.config)

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
            return self._load(binary(source))
        except DativoError as error:
            raise_for_sdk(error)

    def _load(self, source: BinaryIO) -> RunReport:
        settings = self.settings
        loader = Loader(settings, Contracts(settings, _documents(settings)), source, emit, _maps(settings))
        try:
            return loader.run()
        except DativoError as error:
            loader.report.error = error
            raise
        finally:
            if settings.report_path:
                loader.report.write(settings.report_path)
            log.say(f"run report: {loader.report.line()}")

    def process_endofpipe(self) -> None:
        """Nothing is left: the loader published at the end of input."""


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


def emit(value: bytes) -> None:
    """Print one STATE value."""
    sys.stdout.write(value.decode() + "\n")
    sys.stdout.flush()


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


__all__ = ["ContractError", "InputError", "Interrupted", "InvalidRecord", "SettingsError", "TargetDativoIceberg", "ViolationError"]
