"""Job and source recipe → the source that an adapter maps onto a tap."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dativo_ingest.documents import Document, nearest
from dativo_ingest.errors import ConfigError
from dativo_ingest.models import JobSource
from dativo_ingest.recipes import RecipeFile, given
from dativo_ingest.secrets import Secrets
from dativo_ingest.variables import Variables
from tap_adapters.recipe import Credentials
from tap_adapters.source import Incremental, Source

_REFUSED = {
    "jdbc": "use engine native, singer or meltano: a tap of the same source",
    "spark": "use engine native: no cluster is started from here",
}
_PLACES = frozenset({"from_env", "file_template"})
_POINTERS = _PLACES | {"setting"}
_WHOLE = {"api_key": "api_key", "access_token": "access_token", "token": "token", "oauth": "access_token"}


def engine_of(job: JobSource, recipe: RecipeFile, document: Document) -> tuple[str, dict[str, Any]]:
    """Return the engine that runs the source, and its options: the job's over the recipe's.

    Raises:
        ConfigError: the connector does not have the engine, or it is none that runs here.

    """
    default = recipe.recipe.default_engine
    name = (job.engine.type if job.engine else None) or default.type or recipe.connector.default_engine
    way = ("source", "engine", "type") if job.engine and job.engine.type else ("source_connector_path",)
    supported = recipe.connector.engines_supported
    if name in _REFUSED:
        raise document.error(way, f"engine '{name}' is not run here", _REFUSED[name])
    if name not in supported:
        message = f"connector '{recipe.recipe.type}' has no engine '{name}'"
        raise document.error(way, message, f"use one of {', '.join(supported)}")
    options = options_of(default.options, name) if name == default.type else {}
    return name, options | (options_of(job.engine.options, name) if job.engine else {})


def options_of(options: Mapping[str, Any], engine: str) -> dict[str, Any]:
    """Return the options of one engine: those under its name, and those that stand beside the engines."""
    engines = ("airbyte", "singer", "meltano", "native", "jdbc", "spark")
    flat = {k: v for k, v in options.items() if k not in engines}
    own = options.get(engine)
    return flat | (dict(own) if isinstance(own, Mapping) else {})


def source_of(
    job: JobSource,
    recipe: RecipeFile,
    document: Document,
    root: Path,
    columns: Mapping[str, tuple[str, ...]],
    secrets: Secrets,
    variables: Variables,
) -> Source:
    """Return the source of a job whose variables are replaced.

    Raises:
        ConfigError: what `engine_of` and `incremental_of` refuse, or a secret that the recipe needs is missing.

    """
    if job.custom_reader is not None:
        way = ("source", "custom_reader")
        raise document.error(
            way, "custom readers are not run", "write a Singer tap, and name it in the recipe's options"
        )
    engine, options = engine_of(job, recipe, document)
    connection = {**recipe.recipe.connection_template, **job.connection}
    if job.dsn is not None:
        connection["dsn"] = job.dsn
    return Source(
        type=job.type or recipe.recipe.type,
        engine=engine,
        folder=root,
        options=options,
        connection=connection,
        credentials=_credentials(job, recipe, document, secrets, variables),
        objects=tuple(job.objects),
        files=tuple(given(f) for f in job.files),
        sheets=tuple(given(s) for s in job.sheets),
        tables=tuple(given(t) for t in job.tables),
        incremental=incremental_of(job, recipe, document),
        columns=columns,
    )


def incremental_of(job: JobSource, recipe: RecipeFile, document: Document) -> Incremental | None:
    """Return how the source is read: as a whole unless the job asks; what it leaves out the recipe and registry say.

    Raises:
        ConfigError: the connector does not have the strategy, or none is known.

    """
    asked = job.incremental
    if asked is None:
        return None
    way = ("source", "incremental", "strategy")
    defaults = recipe.recipe.incremental
    strategy = (
        asked.strategy or (defaults.strategy if defaults else None) or recipe.connector.incremental_strategy_default
    )
    offered = recipe.connector.strategies
    if strategy is None or not recipe.connector.supports_incremental:
        raise document.error(way, f"connector '{recipe.recipe.type}' reads everything", "leave 'incremental' out")
    if strategy not in offered and strategy not in ("file_modified_time", "spreadsheet_modified_time"):
        message = f"connector '{recipe.recipe.type}' has no strategy '{strategy}'"
        raise document.error(way, message, f"use one of {', '.join(offered)}")
    cursor = asked.cursor_field or (defaults.cursor_field_default if defaults else None)
    lookback = asked.lookback_days
    if lookback is None:
        lookback = (defaults.lookback_days_default if defaults else None) or 0
    return Incremental(strategy, cursor, lookback)


def _credentials(
    job: JobSource, recipe: RecipeFile, document: Document, secrets: Secrets, variables: Variables
) -> dict[str, Any]:
    """Return the secrets of the source: the job's own values, over what the job or else the recipe says to look for."""
    values, wanted = dict(job.credentials), recipe.recipe.credentials
    if _POINTERS & values.keys():
        wanted, values = _pointed(values, wanted, document), {}
    if wanted is None or wanted.type == "none":
        return values
    found = _found(wanted, secrets, variables)
    if found is None:
        if not wanted.required or values:
            return values
        raise _missing(wanted, recipe, document)
    if isinstance(found, Mapping):
        return {**found, **values}
    setting = wanted.setting or _WHOLE.get(wanted.type, wanted.type)
    return {setting: found, **values}


def _pointed(said: Mapping[str, Any], wanted: Credentials | None, document: Document) -> Credentials:
    """Return where a job says that its secret comes from, over what the recipe says."""
    merged = {**(given(wanted) if wanted else {}), **said}
    for place in _PLACES - said.keys() if _PLACES & said.keys() else ():
        merged.pop(place, None)  # a secret of the job's own choice is not replaced by the recipe's
    try:
        return Credentials.model_validate(merged)
    except ValidationError as error:
        (first, *_) = error.errors(include_url=False, include_input=False)
        key = str(first["loc"][-1])
        hint = nearest(key, list(Credentials.model_fields))
        raise document.error(("source", "credentials", key), f"'source.credentials.{key}' is not right", hint) from None


def _found(wanted: Credentials, secrets: Secrets, variables: Variables) -> Any:
    """Look for a credential: the file's name among the tenant's secrets, then the variable."""
    if wanted.file_template is not None:
        value = secrets.values.get(Path(wanted.file_template).stem)
        if value is not None:
            return _as_fields(value)
    if wanted.from_env is not None:
        value = variables.find(wanted.from_env)
        if value is not None:
            variables.told(value)
            return _as_fields(value)
        return secrets.values.get(wanted.from_env.lower())
    return None


def _as_fields(value: Any) -> Any:
    """Return a JSON object in a text as the object."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _missing(wanted: Credentials, recipe: RecipeFile, document: Document) -> ConfigError:
    ways = [f"set {wanted.from_env}"] if wanted.from_env else []
    if wanted.file_template:
        ways.append(f"put {Path(wanted.file_template).name} into the tenant's folder of secrets")
    hint = " or ".join(ways) or "give source.credentials"
    message = f"connector '{recipe.recipe.type}' needs a secret ({wanted.type}) that is not there"
    return document.error(("source_connector_path",), message, hint)
