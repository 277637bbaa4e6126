"""The mapper as a program: its settings, and the loop from standard input to standard output."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, BinaryIO

import click
import singer_sdk.typing as th
from singer_sdk.helpers.capabilities import PluginCapabilities

from tap_adapters.common.tap import OwnPlugin
from tap_adapters.markdown_kv.mapper.settings import EXTENSIONS, MODES, PATH_PATTERN, read_settings
from tap_adapters.markdown_kv.mapper.translating import Translator
from tap_adapters.markdown_kv.rows import STRUCTURED

if TYPE_CHECKING:
    from singer_sdk.plugin_base import _ConfigInput


class MapperMarkdownKv(OwnPlugin):
    """Records of any tap as Markdown-KV: a text, a file, or rows of its pairs; between the tap and the target."""

    name = "mapper-markdown-kv"
    capabilities = [PluginCapabilities.ABOUT, PluginCapabilities.STRUCTURED_LOGGING]  # noqa: RUF012 - the SDK's own
    config_jsonschema = th.PropertiesList(
        th.Property(
            "mode",
            th.StringType,
            allowed_values=list(MODES),
            title="Mode",
            description=(
                "What a record becomes: a row with the document's text (`string`, default), a file and a row that "
                "names it (`raw_file`), or rows of the document's pairs (`structured`)."
            ),
        ),
        th.Property(
            "structured_pattern",
            th.StringType,
            allowed_values=list(STRUCTURED),
            title="Structured pattern",
            description="Which rows, with mode `structured`: one per pair, one per document, or both in two streams.",
        ),
        th.Property(
            "streams",
            th.ArrayType(th.StringType),
            title="Streams",
            description='Names or globs of the streams to map; all others pass as they are. Default: `["*"]`.',
        ),
        th.Property(
            "doc_id_columns",
            th.ObjectType(additional_properties=th.ArrayType(th.StringType)),
            title="Columns of the doc_id",
            description="By stream, the columns that name a document. Default: the key_properties of its SCHEMA.",
        ),
        th.Property(
            "output_path",
            th.StringType,
            title="Output path",
            description="Folder of the files, with mode `raw_file`. Nothing is written outside of it.",
        ),
        th.Property(
            "path_pattern",
            th.StringType,
            title="Path pattern",
            description=(
                "Path of a document's file below `output_path`, of `{stream}`, `{doc_id}`, `{date}` and `{timestamp}` "
                f"(of the run, UTC). Without `{{stream}}` each stream has a folder. Default: `{PATH_PATTERN}`."
            ),
        ),
        th.Property(
            "file_extension",
            th.StringType,
            allowed_values=list(EXTENSIONS),
            title="File extension",
            description=f"What the names of files end in. Default: `{EXTENSIONS[0]}`.",
        ),
    ).to_dict()

    @classmethod
    def check_settings(cls, config: dict[str, Any]) -> None:
        """Check the settings, also against each other."""
        read_settings(config)

    def listen(self, lines: BinaryIO) -> None:
        """Translate lines until their end. What goes out is flushed at each STATE, so that none waits here."""
        translator = Translator(read_settings(self.config))
        out = sys.stdout.buffer
        for line in lines:
            for translated in translator.lines(line):
                out.write(translated)
            if b'"STATE"' in line:
                out.flush()
        out.flush()

    @classmethod
    def invoke(  # type: ignore[override]
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        file_input: BinaryIO | None = None,
    ) -> None:
        """Run the mapper on standard input, or on a file of messages."""
        super().invoke(about=about, about_format=about_format)
        given = config.config if config else {}
        mapper = cls(config=given, parse_env_config=bool(config and config.parse_env))
        mapper.listen(file_input or sys.stdin.buffer)

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """Return the command with the option `--input` that Singer's mappers have."""
        command = super().get_singer_command()
        command.help = "Execute the Singer mapper."
        help_text = "A path to read messages from instead of from standard in."
        command.params.append(click.Option(["--input", "file_input"], help=help_text, type=click.File("rb")))
        return command
