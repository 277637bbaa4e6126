"""The Singer SDK's face of the target: settings, `--about`, `--config`; its input is one run."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import IO, Any, ClassVar, NoReturn

from singer_sdk import Target
from singer_sdk.exceptions import MissingKeyPropertiesError, RecordsWithoutSchemaException
from singer_sdk.helpers.capabilities import PluginCapabilities, TargetCapabilities
from singer_sdk.singerlib.encoding.base import GenericSingerReader
from singer_sdk.sinks import Sink

from target_dativo_iceberg import config, log
from target_dativo_iceberg.errors import DativoError, MissingKeyError, RecordBeforeSchemaError
from target_dativo_iceberg.report import RunReport
from target_dativo_iceberg.run import run
from target_dativo_iceberg.settings import Settings, json_schema, parse


class BlockReader(GenericSingerReader[bytes]):
    """The SDK's bulk entry point: hands the input, unread, to the run."""

    default_input: IO[bytes] = getattr(sys.stdin, "buffer", None)  # type: ignore[assignment]  # None: closed

    def deserialize_json(self, line: bytes) -> dict[str, Any]:
        """Not used: lines are never read singly."""
        raise NotImplementedError

    def process_lines(self, file_input: IO[bytes] | None, callbacks: Mapping[Any, Callable[..., Any]]) -> Counter[str]:
        """Load the input."""
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
        """Read what `--config` names. From here on the log has its form."""
        found = config.merged(value, os.environ)
        if found.get("log_format") == "json":
            log.as_json()
        given = super().cb_config(ctx, param, tuple(path for path in value if path == "ENV"))
        return replace(given, config=found)

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
            return run(self.settings, source)
        except DativoError as error:
            raise_for_sdk(error)

    def process_endofpipe(self) -> None:
        """Nothing is left: the loader published at the end of input."""


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
