"""The registry (`registry/connectors.yaml`): what each connector is able to do, and where it may be used."""

from typing import Literal

from tap_adapters.recipe import Role
from tap_adapters.shape import Shape, Text

EngineName = Literal["airbyte", "singer", "meltano", "native", "jdbc", "spark"]
Strategy = Literal["updated_after", "updated_at", "created", "file_modified_time", "spreadsheet_modified_time", "cdc"]
FileFormat = Literal["parquet", "orc", "csv", "json", "markdown_kv"]


class Connector(Shape):
    """Capabilities of one connector. Where `allowed_in_cloud` is missing it is allowed."""

    roles: list[Role]
    default_engine: EngineName
    engines_supported: list[EngineName]
    category: Text | None = None
    allowed_in_cloud: bool = True
    supports_incremental: bool = False
    incremental_strategy_default: Strategy | None = None
    incremental_strategies: list[Strategy] | None = None
    objects_supported: list[Text] | None = None
    requires_tables: bool = False
    supports_queries: bool = False
    file_formats: list[FileFormat] | None = None
    supports_schema_evolution: bool = False

    @property
    def strategies(self) -> tuple[str, ...]:
        """Strategies that a job may ask for."""
        found = self.incremental_strategies or []
        return tuple(dict.fromkeys([s for s in (self.incremental_strategy_default, *found) if s]))


class Registry(Shape):
    """All connectors by type."""

    version: int = 3
    connectors: dict[str, Connector]
