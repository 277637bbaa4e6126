"""A job file → a load: what is known of a job without its secrets, its servers or a run of it."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dativo_ingest.errors import ConfigError
from dativo_ingest.jobs import JobFile, Unusable
from dativo_ingest.meltano import kept
from dativo_ingest.models import JobSource
from dativo_ingest.places import Places
from dativo_ingest.recipes import again, given
from dativo_ingest.variables import PATHS, Variables, expanded
from target_dativo_iceberg import contract
from target_dativo_iceberg.contract import Contract
from target_dativo_iceberg.errors import ContractError

UNUSABLE = "unusable"


@dataclass(frozen=True)
class Load:
    """One job: the unit of work that Dagster starts.

    Attributes:
        key: tenant and job; of a file that is no job, `unusable` and its path.
        path: of the job file.
        contracts: of the tables that it loads.
        retries: whether the job says itself (`retry_config`) when it is tried again.
        problem: why it cannot be run, empty if it can.

    """

    key: tuple[str, ...]
    path: Path
    contracts: Sequence[Contract] = ()
    retries: bool = False
    problem: str = ""

    @property
    def tenant(self) -> str:
        """The tenant; `unusable` when it is not known."""
        return self.key[0]

    @property
    def name(self) -> str:
        """Its name for Dagster; no other load has it."""
        name = "___".join(map(plain, self.key))
        return f"{name}_{zlib.crc32(str(self.path).encode()):08x}" if self.problem else name

    @property
    def pool(self) -> str:
        """The pool of its tenant."""
        return f"tenant_{plain(self.tenant)}"

    @property
    def tags(self) -> dict[str, str]:
        """Tags of its assets and runs."""
        return {"dativo/tenant": self.tenant, "dativo/job": plain(self.key[-1])}


def plain(name: str) -> str:
    """Return a name for Dagster: letters, digits and `_`. `-` becomes `__`, which tenants and jobs do not have."""
    return re.sub(r"\W", "_", name.replace("-", "__"), flags=re.ASCII)


def load_of(one: JobFile | Unusable, places: Places) -> Load:
    """Return the load of a job file; one that cannot be used has a problem."""
    if isinstance(one, Unusable):
        return _unusable(one.path, one.error, places)
    path = one.document.path.resolve()
    try:
        contracts = _contracts(one, places)
    except ConfigError as error:
        return _unusable(path, error, places)
    return Load((one.tenant, one.name), path, contracts, one.job.retry_config is not None)


def _unusable(path: Path, error: ConfigError, places: Places) -> Load:
    path = path.resolve()
    near = path.relative_to(places.root) if path.is_relative_to(places.root) else path
    return Load((UNUSABLE, *near.with_suffix("").parts), path, problem=str(error))


def _contracts(file: JobFile, places: Places) -> list[Contract]:
    """Return the contracts of what the job reads; all of its asset where the job does not name what it reads.

    Raises:
        ConfigError: the asset cannot be read, or a variable in its path is not set.

    """
    document, environment = file.document, dict(os.environ)
    job = again(file.job, expanded(given(file.job), document, Variables({}, environment), PATHS))
    path = places.find(job.asset_path)
    try:
        found = contract.load(path, kept(environment)).contracts
    except ContractError as error:
        raise document.error(("asset_path",), error.message, error.hint) from None
    asked = {contract.fold(name) for name in _objects(job.source)}
    return [one for one in found if contract.fold(one.name) in asked] or list(found)


def _objects(source: JobSource) -> list[str]:
    """Return the names of the objects that a job reads, as far as it says them."""
    files = [*source.files, *source.sheets]
    tables = [table.object or table.name.rpartition(".")[2] for table in source.tables]
    return [*source.objects, *(one.object for one in files if one.object), *tables]
