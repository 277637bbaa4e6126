"""What our taps do alike: check settings and option files in our words, and end on a signal without a torn line."""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING, Any, NoReturn

import msgspec
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities
from singer_sdk.plugin_base import PluginBase
from singer_sdk.tap_base import Tap

from tap_adapters.common.checking import check_known
from tap_adapters.common.errors import SettingsError

if TYPE_CHECKING:
    from types import FrameType

    import click
    from singer_sdk.plugin_base import _ConfigInput

CAPABILITIES = (
    TapCapabilities.CATALOG,
    TapCapabilities.DISCOVER,
    TapCapabilities.STATE,
    PluginCapabilities.ABOUT,
    PluginCapabilities.STREAM_MAPS,
    PluginCapabilities.FLATTENING,
    PluginCapabilities.STRUCTURED_LOGGING,
)


class OwnPlugin(PluginBase):
    """A plugin that checks its settings and the files of `--config` itself: an error is one line in our words."""

    package_name = "target-dativo-iceberg"

    @classmethod
    def check_settings(cls, config: dict[str, Any]) -> None:
        """Check what the settings say; SettingsError for what cannot be used. Known names are checked already."""
        raise NotImplementedError

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Check the settings in our words first; what passes here passes the SDK's JSON schema."""
        if raise_errors:
            self.append_builtin_config(self.config_jsonschema)
            check_known(self._config, self.config_jsonschema["properties"], "")
            self.check_settings(dict(self._config))
        return super()._validate_config(raise_errors=raise_errors)

    def _handle_termination(self, signum: int, frame: FrameType | None) -> NoReturn:
        """End without writing: a line may be half out, and the STATE of what is complete already is."""
        raise SystemExit(128 + signum)

    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> _ConfigInput:
        """Read the files of `--config`, each on its own first so that an error names the right one."""
        for name in value:
            try:
                super().cb_config(ctx, param, (name,))
            except (OSError, ValueError, TypeError) as error:
                raise SettingsError(f"Option --config: '{name}' is missing or is not a JSON object.") from error
        return super().cb_config(ctx, param, value)


class OwnTap(OwnPlugin, Tap):
    """A tap of ours: bookmarks per item, a catalog that follows the files."""

    dynamic_catalog = True
    capabilities = list(CAPABILITIES)  # noqa: RUF012 - the SDK's own declaration

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
        """Run the tap, once the files of `--state` and `--catalog` have been found to be what they should be."""
        super().invoke(
            about=about,
            about_format=about_format,
            config=config,
            state=None if state is None else _checked(state, "--state", _State),
            catalog=None if catalog is None else _checked(catalog, "--catalog", _Catalog),
        )


class _StreamState(msgspec.Struct):
    files: dict[str, Any] = {}


class _State(msgspec.Struct):
    bookmarks: dict[str, _StreamState] = {}


class _CatalogStream(msgspec.Struct):
    tap_stream_id: str
    schema: dict[str, Any]
    metadata: list[dict[str, Any]] = []


class _Catalog(msgspec.Struct):
    streams: list[_CatalogStream]


def _checked(file: IO[str], option: str, shape: type[msgspec.Struct]) -> IO[str]:
    try:
        text = file.read()
        msgspec.json.decode(text, type=shape)
    except (OSError, ValueError) as error:
        what = str(error) if isinstance(error, msgspec.ValidationError) else "not valid JSON"
        raise SettingsError(f"Option {option}: its file cannot be used: {what}.") from error
    return io.StringIO(text)
