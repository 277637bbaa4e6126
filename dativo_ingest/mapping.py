"""`target.markdown_kv_storage`: a mapper between tap and target that turns rows of any source into Markdown-KV."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dativo_ingest.errors import RunError
from dativo_ingest.meltano import Mapper, find_executable
from dativo_ingest.models import Target

NAME = "mapper-markdown-kv"


def mapper_of(target: Target, root: Path, environment: Mapping[str, str]) -> Mapper | None:
    """Return the mapper that a job asks for, None for none.

    Raises:
        RunError: its command, which comes with this distribution, is not there.

    """
    storage = target.markdown_kv_storage
    if storage is None:
        return None
    executable = find_executable(NAME, environment)
    if executable is None:
        raise RunError(f"'{NAME}' is not found", "install target-dativo-iceberg anew: it comes with it")
    config = storage.model_dump(exclude_none=True)
    if storage.output_path is not None:
        config["output_path"] = str(root / storage.output_path)
    return Mapper(NAME, executable, config)
