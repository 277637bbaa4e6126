"""Where a job's rows go, over the target's recipe."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from tap_adapters.shape import Engine, Free, Shape, Text


class Nessie(Shape):
    """A Nessie server: its URI, bare or ending in `/api/v1`, `/api/v2` or `/iceberg`."""

    uri: Text
    token: Text | None = None


class ObjectStore(Shape):
    """An S3-compatible store. `bucket` and `prefix` make the warehouse where `target.warehouse` does not say it."""

    endpoint: Text | None = None
    bucket: Text | None = None
    prefix: Text | None = None
    access_key_id: Text | None = None
    secret_access_key: Text | None = None
    region: Text | None = None
    path_style_access: bool | None = None
    secure: bool | None = None


class Connection(Shape):
    """Servers of the target."""

    nessie: Nessie | None = None
    s3: ObjectStore | None = None


class MarkdownStorage(Shape):
    """Turns the records of any source into Markdown-KV on their way to the table."""

    mode: Literal["string", "raw_file", "structured"]
    structured_pattern: Literal["row_per_kv", "document_level", "hybrid"] | None = None
    file_extension: Literal[".md", ".mdkv"] = ".mdkv"
    path_pattern: Text | None = None
    output_path: Text | None = None

    @model_validator(mode="after")
    def _complete(self) -> MarkdownStorage:
        if self.mode == "structured" and self.structured_pattern is None:
            raise ValueError("mode structured needs structured_pattern")
        if self.mode == "raw_file" and self.output_path is None:
            raise ValueError("mode raw_file needs output_path, the folder of the files")
        return self


class Target(Shape):
    """What the job says of its target. `settings` are those of target-dativo-iceberg (`--about`), and win."""

    type: Text | None = None
    engine: Engine | None = None
    catalog: str | dict[str, Any] | None = None
    branch: Text | None = None
    warehouse: Text | None = None
    namespace: Text | None = None
    file_format: Text | None = None
    partitioning: list[Text] | None = None
    connection: Connection = Connection()
    mode: Literal["strict", "merge", "relaxed"] | None = None
    markdown_kv_storage: MarkdownStorage | None = None
    parquet_target_size_mb: Annotated[int, Field(ge=1)] | None = None
    custom_writer: Text | None = None
    settings: Free = {}
