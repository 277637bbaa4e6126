"""The calls to Nessie's REST API v2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar

from target_dativo_iceberg.nessie.answers import (
    Commit,
    Commits,
    ContentAnswer,
    Entries,
    Entry,
    MergeResult,
    NessieConfig,
    Page,
    Reference,
    ReferenceAnswer,
    References,
    TableContent,
)
from target_dativo_iceberg.nessie.errors import ContentMissing, NessieError, NessieRefused
from target_dativo_iceberg.nessie.http import NessieConnection
from target_dativo_iceberg.nessie.names import (
    branch_name_fault,
    key_path,
    names_with_prefix,
    normalise_uri,
    reference_path,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from target_dativo_iceberg.nessie.auth import Credentials

P = TypeVar("P", bound=Page)

_TABLE = "ICEBERG_TABLE"


class NessieClient:
    """One Nessie server. Every call has a timeout; reads are repeated a little, changes are sent once.

    `uri` is any form that `normalise_uri` takes; `timeout` is (seconds to connect, seconds of silence).
    Every method raises NessieError or one of its kinds. Not for use by several threads at once.
    """

    def __init__(
        self, uri: str, *, credentials: Credentials | None = None, timeout: tuple[float, float] = (3.05, 30.0)
    ) -> None:
        self._connection = NessieConnection(normalise_uri(uri)[0], credentials, timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the server."""
        self._connection.close()

    def config(self) -> NessieConfig:
        """Return the default branch and version of the server."""
        return self._connection.read("Cannot read Nessie's configuration", "config", NessieConfig)

    def reference(self, name: str) -> Reference:
        """Return a branch or tag with its head; ReferenceMissing when there is none."""
        what = f"Cannot read reference {name!r}"
        return self._connection.read(what, f"trees/{reference_path(name)}", ReferenceAnswer).reference

    def references(self, prefix: str = "", *, page_size: int = 250) -> Iterator[Reference]:
        """Yield the references whose name starts with `prefix`, with metadata."""
        query: dict[str, str | int] = {"fetch": "ALL", "max-records": page_size}
        if prefix:
            query["filter"] = names_with_prefix(prefix)
        for page in self._pages(f"Cannot list references {prefix!r}", "trees", References, query):
            yield from page.references

    def create_branch(self, name: str, source: Reference) -> Reference:
        """Create a branch at the commit of `source`; ReferenceExists when the name is taken."""
        return self._create(name, "BRANCH", source)

    def create_tag(self, name: str, source: Reference) -> Reference:
        """Create a tag at the commit of `source`; ReferenceExists when the name is taken."""
        return self._create(name, "TAG", source)

    def _create(self, name: str, kind: str, source: Reference) -> Reference:
        what = f"Cannot create {kind.lower()} {name!r} from {source.name!r}"
        fault = branch_name_fault(name)
        if fault:
            raise NessieRefused(f"{what}: {fault}")
        body = {"type": source.type, "name": source.name, "hash": source.hash}
        return self._connection.write(what, "POST", "trees", body, ReferenceAnswer, name=name, type=kind).reference

    def delete(self, reference: Reference) -> None:
        """Delete a branch or tag if its head is still `reference.hash`, else ReferenceConflict."""
        self._connection.write(
            f"Cannot delete {reference.type.lower()} {reference.name!r}",
            "DELETE",
            f"trees/{reference_path(reference.name, reference.hash)}",
            None,
            ReferenceAnswer,
            type=reference.type,
        )

    def merge(
        self,
        source: Reference,
        into: Reference,
        *,
        message: str,
        authors: Sequence[str] = (),
        properties: Mapping[str, Sequence[str]] | None = None,
        dry_run: bool = False,
    ) -> MergeResult:
        """Merge the commits of `source` up to its hash into a branch, as one commit.

        Tables changed on both sides come back as `conflicts`, and nothing is merged. Merging what is merged
        already changes nothing, so after OutcomeUnknown the call can be repeated. `into.hash` is only where
        Nessie starts to look: other commits since then are no conflict. A branch that never had a commit
        has nothing in common with any other: merging into it is a ReferenceMissing.
        """
        meta = {"message": message, "authors": list(authors), "allProperties": dict(properties or {})}
        body = {
            "fromRefName": source.name,
            "fromHash": source.hash,
            "defaultKeyMergeMode": "NORMAL",
            # these two names differ from the published API text, under whose names they are ignored
            "isDryRun": dry_run,
            "isReturnConflictAsResult": True,
            "commitMeta": meta,
        }
        path = f"trees/{reference_path(into.name, into.hash)}/history/merge"
        return self._connection.write(
            f"Cannot merge {source.name!r} into {into.name!r}", "POST", path, body, MergeResult
        )

    def log(
        self, name: str, *, cel: str | None = None, with_changes: bool = False, page_size: int = 250
    ) -> Iterator[Commit]:
        """Yield the commits of a reference, newest first, filtered by a CEL expression; stop when you have enough."""
        query: dict[str, str | int] = {"max-records": page_size, "fetch": "ALL" if with_changes else "MINIMAL"}
        if cel:
            query["filter"] = cel
        what = f"Cannot read the log of {name!r}"
        for page in self._pages(what, f"trees/{reference_path(name)}/history", Commits, query):
            yield from page.log_entries

    def content(self, reference_name: str, path: Sequence[str]) -> TableContent:
        """Return where the table `path` (namespaces and name) has its metadata on a reference."""
        what = f"Cannot find table {'.'.join(path)!r} on {reference_name!r}"
        url = f"trees/{reference_path(reference_name)}/contents/{key_path(path)}"
        found = self._connection.read(what, url, ContentAnswer).content
        if found.type != _TABLE:
            raise ContentMissing(f"{what}: it is of type {found.type}")
        return found

    def entries(
        self, reference_name: str, *, cel: str | None = None, with_content: bool = False, page_size: int = 250
    ) -> Iterator[Entry]:
        """Yield tables, views and namespaces of a reference as of one commit, filtered by a CEL expression."""
        query: dict[str, str | int] = {"max-records": page_size, "content": "true" if with_content else "false"}
        if cel:
            query["filter"] = cel
        what, path = f"Cannot list the tables of {reference_name!r}", f"trees/{reference_path(reference_name)}"
        first = self._connection.read(what, f"{path}/entries", Entries, **query)
        yield from first.entries
        if first.has_more:
            # later pages come from the commit of the first one, wherever the branch has moved since
            rest = f"trees/{reference_path(reference_name, first.effective_reference.hash)}/entries"
            for page in self._pages(what, rest, Entries, query, token=first.token):
                yield from page.entries

    def _pages(
        self, what: str, path: str, kind: type[P], query: dict[str, str | int], *, token: str | None = None
    ) -> Iterator[P]:
        while True:
            page = self._connection.read(what, path, kind, **query, **({"page-token": token} if token else {}))
            yield page
            if not page.has_more:
                return
            if page.token in (None, token):
                raise NessieError(f"{what}: the server promises more and does not say where")
            token = page.token
