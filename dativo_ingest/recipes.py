"""Recipes and the registry, read for a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from dativo_ingest.documents import Document, checked, read
from dativo_ingest.errors import Problem
from dativo_ingest.legacy import modernise_recipe, modernise_registry
from dativo_ingest.places import Places
from dativo_ingest.variables import RECIPE_FIELDS, Variables, expanded
from tap_adapters.recipe import Recipe
from tap_adapters.registry import Connector, Registry
from tap_adapters.shape import Shape

REGISTRY = "registry/connectors.yaml"
S = TypeVar("S", bound=Shape)


@dataclass(frozen=True)
class RecipeFile:
    """A recipe with its variables replaced; `connector` is what the registry says of its type."""

    document: Document
    recipe: Recipe
    connector: Connector
    notes: tuple[Problem, ...] = ()


def read_registry(places: Places) -> Registry:
    """Return the project's registry, else the one that this distribution brings.

    Raises:
        ConfigError: it cannot be read.

    """
    document = read(places.find(REGISTRY), "registry")
    modernise_registry(document)
    return checked(Registry, document)


def read_recipe(path: str, places: Places, registry: Registry, variables: Variables) -> RecipeFile:
    """Return a recipe and its entry in the registry.

    Raises:
        ConfigError: it cannot be read, a variable is not set, or the registry does not know its type.

    """
    document = read(places.find(path), "connector recipe")
    notes = modernise_recipe(document)
    recipe = checked(Recipe, document)
    connector = registry.connectors.get(recipe.type)
    if connector is None:
        known = ", ".join(sorted(registry.connectors))
        raise document.error(("type",), f"type '{recipe.type}' is not in the registry", f"known are {known}")
    return RecipeFile(document, filled(recipe, document, variables), connector, tuple(notes))


def filled(recipe: Recipe, document: Document, variables: Variables) -> Recipe:
    """Return a recipe with its variables replaced."""
    return again(recipe, expanded(given(recipe), document, variables, RECIPE_FIELDS))


def given(shape: Shape) -> dict[str, Any]:
    """Return what a file said, without defaults."""
    return shape.model_dump(by_alias=True, exclude_unset=True)


def again(shape: S, values: Mapping[str, Any]) -> S:
    """Return a shape of the same kind with other values."""
    return type(shape).model_validate(dict(values))
