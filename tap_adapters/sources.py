"""Sources as extractors: which recipe reads which type of source, by which engine."""

from __future__ import annotations

from collections.abc import Callable

from tap_adapters.errors import SourceError
from tap_adapters.extractor import Extractor
from tap_adapters.names import nearest
from tap_adapters.recipes.airbyte import airbyte
from tap_adapters.recipes.csv import csv
from tap_adapters.recipes.gdrive_csv import gdrive_csv
from tap_adapters.recipes.google_sheets import google_sheets
from tap_adapters.recipes.hubspot import hubspot
from tap_adapters.recipes.markdown_kv import markdown_kv
from tap_adapters.recipes.mysql import mysql
from tap_adapters.recipes.postgres import postgres
from tap_adapters.recipes.stripe import stripe
from tap_adapters.source import Source

Recipe = Callable[[Source], Extractor]

RECIPES: dict[str, Recipe] = {
    "csv": csv,
    "gdrive_csv": gdrive_csv,
    "google_sheets": google_sheets,
    "hubspot": hubspot,
    "markdown_kv": markdown_kv,
    "mysql": mysql,
    "postgres": postgres,
    "stripe": stripe,
}
"""Types of source with a tap of their own, whichever of the engines below a recipe names."""
_BY_TAP = ("native", "singer", "meltano")
_REFUSED = ("jdbc", "spark")
ENGINES = (*_BY_TAP, "airbyte", *_REFUSED)


def adapt(source: Source) -> Extractor:
    """Return the extractor that reads a source.

    Raises:
        SourceError: the type or engine is unknown or not supported, or something in the source cannot be mapped.

    """
    place = "source.engine.type"
    if source.engine not in ENGINES:
        raise SourceError(f"engine '{source.engine}' is not known", place, nearest(source.engine, ENGINES))
    if source.engine in _REFUSED:
        raise SourceError(
            f"engine '{source.engine}' is not supported",
            place,
            f"sources are read by taps: use one of {', '.join(_BY_TAP)}",
        )
    if source.engine == "airbyte":
        return airbyte(source)
    if source.type not in RECIPES:
        raise SourceError(
            f"there is no tap for source type '{source.type}'", "source.type", nearest(source.type, RECIPES)
        )
    return RECIPES[source.type](source)
