"""What Nessie's API v2 answers."""

from __future__ import annotations

from datetime import datetime

import msgspec

from target_dativo_iceberg.nessie.errors import Conflict


class CommitMeta(msgspec.Struct, frozen=True, rename="camel"):
    """Who committed what and when; a property can have several values."""

    hash: str
    message: str
    commit_time: datetime
    authors: tuple[str, ...] = ()
    all_properties: dict[str, tuple[str, ...]] = {}


class ReferenceMetadata(msgspec.Struct, frozen=True, rename="camel"):
    """A reference compared with the default branch (None on that branch itself), and its newest commit."""

    num_commits_ahead: int | None = None
    num_commits_behind: int | None = None
    num_total_commits: int | None = None
    head: CommitMeta | None = msgspec.field(name="commitMetaOfHEAD", default=None)


class Reference(msgspec.Struct, frozen=True):
    """A branch or tag (`type` BRANCH or TAG) and the commit it points to.

    Lists bring the metadata too, except of a reference that never had a commit.
    """

    type: str
    name: str
    hash: str
    metadata: ReferenceMetadata | None = None


class TableContent(msgspec.Struct, frozen=True, rename="camel"):
    """Where the current metadata of a table lies; `snapshot_id` is -1 for a table that has no snapshot."""

    type: str
    id: str
    metadata_location: str | None = None
    snapshot_id: int | None = None


class _Key(msgspec.Struct, frozen=True):
    elements: tuple[str, ...]


class Entry(msgspec.Struct, frozen=True, rename="camel"):
    """One thing on a reference: a table, view or namespace; `content` only where it was asked for."""

    type: str
    content_id: str
    name: _Key
    content: TableContent | None = None

    @property
    def path(self) -> tuple[str, ...]:
        """Namespaces and name."""
        return self.name.elements


class _Operation(msgspec.Struct, frozen=True):
    type: str
    key: _Key


class Commit(msgspec.Struct, frozen=True, rename="camel"):
    """One commit of a log."""

    commit_meta: CommitMeta
    parent_commit_hash: str | None = None
    operations: tuple[_Operation, ...] | None = None

    @property
    def changed(self) -> tuple[tuple[str, ...], ...]:
        """Paths of what the commit changed, where that was asked for."""
        return tuple(operation.key.elements for operation in self.operations or ())


class _MergeDetail(msgspec.Struct, frozen=True):
    conflict: Conflict | None = None


class MergeResult(msgspec.Struct, frozen=True, rename="camel"):
    """What a merge did. Successful and not applied means there was nothing to merge."""

    was_applied: bool
    was_successful: bool
    resultant_target_hash: str | None = None
    details: tuple[_MergeDetail, ...] = ()

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """Keys changed on both sides; empty for a successful merge."""
        return tuple(detail.conflict for detail in self.details if detail.conflict)


class NessieConfig(msgspec.Struct, frozen=True, rename="camel"):
    """What the server says of itself."""

    default_branch: str
    spec_version: str
    no_ancestor_hash: str


class ReferenceAnswer(msgspec.Struct, frozen=True):
    """One reference."""

    reference: Reference


class ContentAnswer(msgspec.Struct, frozen=True):
    """One table, view or namespace."""

    content: TableContent


class Page(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Part of a list; `token` leads to the next part where there is more."""

    has_more: bool
    token: str | None = None


class References(Page, frozen=True, rename="camel", kw_only=True):
    """Part of the list of references."""

    references: tuple[Reference, ...]


class Commits(Page, frozen=True, rename="camel", kw_only=True):
    """Part of a log."""

    log_entries: tuple[Commit, ...]


class ReadAt(msgspec.Struct, frozen=True):
    """The commit at which a list was read."""

    hash: str


class Entries(Page, frozen=True, rename="camel", kw_only=True):
    """Part of the list of what is on a reference."""

    entries: tuple[Entry, ...]
    effective_reference: ReadAt
