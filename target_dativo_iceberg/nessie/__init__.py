"""References of a Nessie server over its REST API v2: branches, tags, merges, the log, where a table's metadata is."""

from target_dativo_iceberg.nessie.answers import (
    Commit,
    CommitMeta,
    Entry,
    MergeResult,
    NessieConfig,
    Reference,
    ReferenceMetadata,
    TableContent,
)
from target_dativo_iceberg.nessie.auth import Authorization, BearerToken, ClientCredentials, Credentials
from target_dativo_iceberg.nessie.client import NessieClient
from target_dativo_iceberg.nessie.errors import (
    Conflict,
    ContentMissing,
    NessieError,
    NessieRefused,
    NessieUnauthorized,
    NessieUnavailable,
    OutcomeUnknown,
    ReferenceConflict,
    ReferenceExists,
    ReferenceMissing,
)
from target_dativo_iceberg.nessie.names import (
    branch_in_uri,
    branch_name_fault,
    commits_with_property,
    normalise_uri,
)

__all__ = [
    "Authorization",
    "BearerToken",
    "ClientCredentials",
    "Commit",
    "CommitMeta",
    "Conflict",
    "ContentMissing",
    "Credentials",
    "Entry",
    "MergeResult",
    "NessieClient",
    "NessieConfig",
    "NessieError",
    "NessieRefused",
    "NessieUnauthorized",
    "NessieUnavailable",
    "OutcomeUnknown",
    "Reference",
    "ReferenceConflict",
    "ReferenceExists",
    "ReferenceMetadata",
    "ReferenceMissing",
    "TableContent",
    "branch_in_uri",
    "branch_name_fault",
    "commits_with_property",
    "normalise_uri",
]
