"""The tap: its settings, its commands, and how it ends."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, NoReturn

import msgspec
import singer_sdk.typing as th
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities
from singer_sdk.tap_base import Tap

from tap_adapters.airbyte.bridge import Bridge
from tap_adapters.airbyte.catalog import Given, Selected, facts_missing, selected_streams, singer_catalog, with_facts
from tap_adapters.airbyte.errors import AlreadyTold
from tap_adapters.airbyte.folder import private_folder
from tap_adapters.airbyte.settings import SYNC_MODES, UPDATE_POLICIES, read_settings
from tap_adapters.airbyte.source import Source
from tap_adapters.common.errors import SettingsError
from tap_adapters.common.tap import OwnPlugin

if TYPE_CHECKING:
    from types import FrameType

    import click
    from singer_sdk.plugin_base import _ConfigInput

STREAM_DEFAULTS = th.ObjectType(
    th.Property(
        "sync_mode",
        th.StringType(allowed_values=list(SYNC_MODES)),
        description="Default: incremental where the source can and knows a cursor.",
    ),
    th.Property("cursor_field", th.StringType, description="The column to read on from. Default: the source's."),
    th.Property("primary_key", th.ArrayType(th.StringType), description="Columns that identify a row."),
)


class TapAirbyte(OwnPlugin, Tap):
    """Any Airbyte source that is a Python package, run as a Singer tap without Docker: its rows, states and errors."""

    name = "tap-airbyte"
    dynamic_catalog = True
    capabilities = [  # noqa: RUF012 - the SDK's own declaration
        TapCapabilities.CATALOG,
        TapCapabilities.DISCOVER,
        TapCapabilities.STATE,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]
    config_jsonschema = th.PropertiesList(
        th.Property(
            "source",
            th.StringType,
            title="Source",
            description=(
                "The source's executable: a name on the `PATH` such as `source-faker`, or a path. Default: the one "
                "that `package` installs."
            ),
        ),
        th.Property(
            "package",
            th.StringType,
            title="Package",
            description=(
                "The pip requirement that the source comes from, such as `airbyte-source-faker==7.2.1`. The tap "
                "installs nothing; the name gives the executable."
            ),
        ),
        th.Property(
            "config",
            th.ObjectType(additional_properties=True),
            secret=True,
            title="Source configuration",
            description="The source's own configuration, as its `spec` command describes it.",
        ),
        th.Property(
            "config_file",
            th.StringType,
            title="Source configuration file",
            description=(
                "Path of a JSON file that holds the source's configuration instead of `config`. When the source "
                "changes its configuration (a token that is exchanged for another), the file is written anew."
            ),
        ),
        th.Property(
            "on_config_update",
            th.StringType,
            allowed_values=list(UPDATE_POLICIES),
            title="On configuration update",
            description=(
                "What becomes of a run whose source changes a configuration that stands in `config`: it ends (`fail`, "
                "default), or goes on with a warning (`ignore`)."
            ),
        ),
        th.Property(
            "streams",
            th.ObjectType(additional_properties=STREAM_DEFAULTS),
            title="Streams",
            description=(
                "By stream name `sync_mode` (`incremental`, `full_refresh`), `cursor_field` and `primary_key`, as "
                "discovery puts them into the catalog."
            ),
        ),
    ).to_dict()

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add no settings of the SDK: stream maps and flattening would look into every row."""

    def run_discovery(self) -> str:
        """Write the source's streams as a Singer catalog to standard output, and return the text."""
        with self._source() as source:
            catalog = self._discovered(source)
        text = msgspec.json.format(msgspec.json.encode(catalog)).decode()
        sys.stdout.write(f"{text}\n")
        return text

    def check(self) -> None:
        """Have the source try its configuration."""
        with self._source() as source:
            source.check()
        self.logger.info("The source can connect.")

    def bridge(self, catalog: Given | None, state: str | None) -> None:
        """Read what the catalog selects, all streams without one, from where the state says."""
        with self._source() as source:
            streams = self._selected(source, catalog)
            if not streams:
                self.logger.warning("The catalog selects no stream; there is nothing to read.")
                return
            Bridge(source, streams, self.logger).run(state, sys.stdout.buffer)

    @contextmanager
    def _source(self) -> Iterator[Source]:
        settings = read_settings(self.config)
        with private_folder() as folder:
            try:
                yield Source(settings, folder, self.logger, sys.stdout.fileno())
            except AlreadyTold:
                raise SystemExit(1) from None

    def _discovered(self, source: Source) -> dict[str, Any]:
        return singer_catalog(source.discover(), read_settings(self.config).streams)

    def _selected(self, source: Source, catalog: Given | None) -> list[Selected]:
        if catalog is None:
            return selected_streams(msgspec.convert(self._discovered(source), Given))
        if facts_missing(catalog):
            catalog = with_facts(catalog, self._discovered(source))
        return selected_streams(catalog)

    @classmethod
    def check_settings(cls, config: dict[str, Any]) -> None:
        """Check the settings before the SDK does, whose messages would quote the values."""
        read_settings(config)

    def _handle_termination(self, signum: int, frame: FrameType | None) -> NoReturn:
        """End without another STATE, once: what ends the source and removes its files must not be cut off."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        raise SystemExit(128 + signum)

    @classmethod
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:
        """`--test` is the source's own check."""
        if value != "disabled":
            cls._made(ctx.params.get("config")).check()
            ctx.exit()

    @classmethod
    def cb_discover(cls, ctx: click.Context, param: click.Option, value: bool) -> None:
        """`--discover` writes the catalog and ends."""
        if value:
            cls._made(ctx.params.get("config")).run_discovery()
            ctx.exit()

    @classmethod
    def invoke(  # type: ignore[override]
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        state: IO[str] | None = None,
        catalog: IO[str] | None = None,
    ) -> None:
        """Run the tap, once the file of `--catalog` has been found to be what it should be."""
        if about:
            cls.print_about(about_format)
            return
        given = None if catalog is None else _catalog(catalog)
        cls._made(config).bridge(given, None if state is None else state.read())

    @classmethod
    def _made(cls, config: _ConfigInput | None) -> TapAirbyte:
        settings: Mapping[str, Any] = config.config if config else {}
        return cls(config=dict(settings), parse_env_config=bool(config and config.parse_env), setup_mapper=False)


def _catalog(file: IO[str]) -> Given:
    try:
        return msgspec.json.decode(file.read(), type=Given)
    except (OSError, ValueError) as error:
        what = str(error) if isinstance(error, msgspec.ValidationError) else "not valid JSON"
        raise SettingsError(f"Option --catalog: its file cannot be used: {what}.") from error
