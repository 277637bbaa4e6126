"""A stream of tables whose cells are text: typed by the settings or the catalog, and only the selected columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from tap_adapters.common.errors import SettingsError
from tap_adapters.common.stream import ItemStream
from tap_adapters.common.values import SCHEMAS, kind_of

if TYPE_CHECKING:
    from singer_sdk.tap_base import Tap


class TabularStream(ItemStream):
    """The rows of one or more tables, by columns of one kind each."""

    def __init__(self, tap: Tap, *, name: str, kinds: Mapping[str, str], keys: Sequence[str]) -> None:
        properties = {column: dict(SCHEMAS[kind]) for column, kind in kinds.items()}
        super().__init__(tap, name=name, schema={"type": "object", "properties": properties}, keys=keys)

    @cached_property
    def _columns(self) -> Mapping[str, str]:
        """The selected columns and their kinds, as the catalog has them."""
        columns = {}
        for name, schema in self.effective_schema.get("properties", {}).items():
            if not self.mask[("properties", name)]:
                continue
            kind = kind_of(schema)
            if kind is None:
                raise SettingsError(f"Catalog, stream '{self.name}': column '{name}' of a table is no object or array.")
            columns[name] = kind
        return columns

    def _warn_of_unlisted(self, label: str, columns: Iterable[str]) -> None:
        unlisted = [name for name in columns if name not in self.effective_schema.get("properties", {})]
        if unlisted:
            self.logger.warning(
                "%s has columns that the catalog does not list: %s; they are left out. Run discovery again.",
                label,
                ", ".join(unlisted),
            )
