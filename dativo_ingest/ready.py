"""A job file → a job that is ready to run: recipes, asset, source, tap and the target's settings, all checked.

The order is job, source recipe, target recipe, asset, merge, registry. Nothing is started here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from dativo_ingest import sources, targets
from dativo_ingest.documents import Document, Way
from dativo_ingest.errors import ConfigError, Problem
from dativo_ingest.jobs import JobFile
from dativo_ingest.meltano import kept
from dativo_ingest.metadata_catalogs.connections import Connection, connection_of
from dativo_ingest.models import Job, Target
from dativo_ingest.places import JobFolder, Places
from dativo_ingest.recipes import RecipeFile, again, given, read_recipe
from dativo_ingest.secrets import Secrets
from dativo_ingest.variables import JOB_FIELDS, Variables, expanded
from tap_adapters.errors import SourceError
from tap_adapters.extractor import Extractor
from tap_adapters.registry import Registry
from tap_adapters.source import Source
from target_dativo_iceberg import contract
from target_dativo_iceberg.contract import ContractSet
from target_dativo_iceberg.errors import ContractError

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


@dataclass(frozen=True)
class Context:
    """What the jobs of one tenant are made ready with. `mode` is `self_hosted` or `cloud`."""

    places: Places
    registry: Registry
    secrets: Secrets
    variables: Variables
    mode: str = "self_hosted"


@dataclass(frozen=True)
class Ready:
    """A job that is ready to run. `settings` are the target's, but for those of a run; `catalog` is one of metadata."""

    file: JobFile
    job: Job
    source: Source
    extractor: Extractor
    target: Target
    settings: Mapping[str, object]
    contracts: ContractSet
    folder: JobFolder
    warnings: tuple[str, ...] = ()
    catalog: Connection | None = None

    @property
    def lookback_days(self) -> int:
        """Days by which the cursors given to the tap are set back."""
        return self.source.incremental.lookback_days if self.source.incremental else 0


def make_ready(file: JobFile, context: Context) -> Ready:
    """Resolve and check a job.

    Raises:
        ConfigError: all that is wrong, as far as it can be seen at once.

    """
    document = file.document
    job = again(file.job, expanded(given(file.job), document, context.variables, JOB_FIELDS))
    source_recipe = _recipe(job.source_connector_path, "source", document, context)
    target_recipe = _recipe(job.target_connector_path, "target", document, context)
    contracts, asset = _asset(job, document, context)
    target = targets.merged(job, target_recipe, given(job.target))
    catalog, unfit = connection_of(job, document, context.mode, len(contracts.contracts))
    wrong = [*targets.problems(job, target, document), *_cloud(source_recipe, target_recipe, document, context), *unfit]
    if wrong:
        raise ConfigError(wrong)
    columns = _columns(contracts, target)
    source = sources.source_of(
        job.source, source_recipe, document, context.places.root, columns, context.secrets, context.variables
    )
    _check_objects(source, source_recipe, document)
    extractor = _extractor(source, document)
    settings = {**_contract_settings(extractor, contracts), **targets.settings_of(job, target, target_recipe, asset)}
    warnings = [str(note) for note in (*file.notes, *source_recipe.notes, *target_recipe.notes)]
    folder = context.places.of_job(file.tenant, file.name)
    return Ready(
        file,
        job,
        source,
        extractor,
        target,
        _placed(settings, context.places, file.tenant),
        contracts,
        folder,
        tuple(warnings + targets.warnings(target) + _left_out(job, settings)),
        catalog,
    )


def _recipe(path: str, role: str, document: Document, context: Context) -> RecipeFile:
    found = read_recipe(path, context.places, context.registry, context.variables)
    way = (f"{role}_connector_path",)
    if role not in found.recipe.roles:
        raise document.error(
            way, f"recipe '{found.recipe.name}' is no {role}", f"its roles: {', '.join(found.recipe.roles)}"
        )
    if role not in found.connector.roles:
        raise document.error(way, f"connector '{found.recipe.type}' is no {role}", "see the registry")
    return found


def _cloud(source: RecipeFile, target: RecipeFile, document: Document, context: Context) -> list[Problem]:
    """Return what cloud mode refuses."""
    if context.mode != "cloud":
        return []
    found = []
    for role, recipe in (("source", source), ("target", target)):
        if not recipe.connector.allowed_in_cloud:
            message = f"connector '{recipe.recipe.type}' is not allowed in cloud mode"
            found.append(document.problem((f"{role}_connector_path",), message, "run it self-hosted"))
    return found


def _asset(job: Job, document: Document, context: Context) -> tuple[ContractSet, Path]:
    path = context.places.find(job.asset_path)
    if not path.exists():
        raise document.error(("asset_path",), f"there is no asset at '{job.asset_path}'", "check the path")
    try:
        # The target reads it again, with the environment of the run.
        return contract.load(path, kept(context.variables.environment)), path.resolve()
    except ContractError as error:
        where, _, message = error.message.partition(": ")
        if not re.search(r":\d+$", where):
            where, message = document.where(("asset_path",)), error.message
        raise ConfigError([Problem(where, message, error.hint)]) from None


def _columns(contracts: ContractSet, target: Target) -> dict[str, tuple[str, ...]]:
    """Return the columns to read, by object; none where the target is to see those that the contract has not."""
    if target.markdown_kv_storage is not None:
        return {}  # the asset describes what the mapper makes of the rows
    if target.mode == "relaxed" or isinstance(target.settings.get("on_violation"), Mapping):
        return {}
    return {
        one.name: tuple(field.name for field in one.fields if not field.filled)
        for one in contracts.contracts
        if not {"unknown_field", "on_violation"} & one.policies.keys()
    }


def _check_objects(source: Source, recipe: RecipeFile, document: Document) -> None:
    if recipe.connector.requires_tables and not source.tables:
        message = f"connector '{recipe.recipe.type}' needs source.tables"
        raise document.error(("source",), message, "list them as {name: schema.table}")


def _extractor(source: Source, document: Document) -> Extractor:
    from tap_adapters.sources import adapt  # noqa: PLC0415 - only when a job is run

    try:
        return adapt(source)
    except SourceError as error:
        way = _way(error.place) or ("source",)
        at = f" (at {error.place})" if error.place else ""
        raise document.error(way, error.problem + at, error.hint) from None


def _way(place: str) -> Way:
    return tuple(int(found[2]) if found[2] else found[1] for found in _STEP.finditer(place))


def _contract_settings(extractor: Extractor, contracts: ContractSet) -> dict[str, object]:
    """Return what ties the tap's streams to the asset's objects: none is loaded that the asset does not have."""
    known = {contract.fold(one.name) for one in contracts.contracts}
    named = {stream: name for stream, name in extractor.streams.items() if contract.fold(name) in known}
    mapped = {stream: name for stream, name in named.items() if contract.fold(stream) != contract.fold(name)}
    return {"require_contract": True} | ({"contract_map": mapped} if mapped else {})


def _placed(settings: Mapping[str, object], places: Places, tenant: str) -> dict[str, object]:
    """Return the settings with a warehouse on this machine as an absolute path: the target runs in another folder.

    A bucket without any catalog gets one of SQLite, the tenant's, in the state directory.
    """
    found = dict(settings)
    warehouse = found.get("warehouse")
    if isinstance(warehouse, str) and urlsplit(warehouse).scheme == "":
        found["warehouse"] = str((places.root / warehouse).resolve())
    if _has_no_catalog(settings):
        found["catalog"] = {"type": "sql", "uri": f"sqlite:///{places.state / tenant / 'catalog.db'}?timeout=60"}
    return found


def _has_no_catalog(settings: Mapping[str, object]) -> bool:
    remote = urlsplit(str(settings.get("warehouse", ""))).scheme not in ("", "file")
    return remote and "catalog" not in settings and "nessie_uri" not in settings


def _left_out(job: Job, settings: Mapping[str, object]) -> list[str]:
    found = []
    if _has_no_catalog(settings):
        found.append("no catalog is named: the tenant's tables are listed in catalog.db in the state directory")
    if job.source.rate_limits:
        found.append("source.rate_limits changes nothing: taps keep to the limits that servers tell them")
    if job.plugins:
        found.append("no plugins are run; 'plugins' changes nothing")
    return found
