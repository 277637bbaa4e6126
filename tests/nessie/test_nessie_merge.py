"""Merging branches of a real server: what comes over, what conflicts, and what never happens."""

import pytest

from target_dativo_iceberg.nessie import NessieClient, Reference, ReferenceMissing
from tests.nessie.lake import OpenCatalog, fork, head, make_table, numbers, rows

pytestmark = pytest.mark.nessie


def test_merge_brings_the_rows_once_and_can_be_repeated(
    nessie: NessieClient, branch: Reference, open_catalog: OpenCatalog
) -> None:
    work = fork(nessie, branch, "work")
    make_table(open_catalog(work.name), 1, 2)
    done = nessie.merge(head(nessie, work), branch, message="load")
    assert (done.was_applied, done.was_successful, done.conflicts) == (True, True, ())
    assert done.resultant_target_hash == head(nessie, branch).hash
    again = nessie.merge(head(nessie, work), branch, message="load")
    assert (again.was_applied, again.was_successful) == (False, True)
    assert head(nessie, branch).hash == done.resultant_target_hash
    assert rows(open_catalog(branch.name)) == [1, 2]


def test_dry_run_of_a_merge_changes_nothing(nessie: NessieClient, branch: Reference, open_catalog: OpenCatalog) -> None:
    work = fork(nessie, branch, "work")
    make_table(open_catalog(work.name), 1)
    result = nessie.merge(head(nessie, work), branch, message="try", dry_run=True)
    assert (result.was_applied, result.was_successful) == (False, True)
    assert head(nessie, branch) == branch


@pytest.mark.parametrize("dry_run", [False, True])
def test_table_changed_on_both_sides_is_a_conflict_and_nothing_is_merged(
    nessie: NessieClient, branch: Reference, open_catalog: OpenCatalog, dry_run: bool
) -> None:
    make_table(open_catalog(branch.name), 1)
    work = fork(nessie, branch, "work")
    open_catalog(work.name).load_table("ns.t").append(numbers(2))
    make_table(open_catalog(work.name), 7, name="other")
    open_catalog(branch.name).load_table("ns.t").append(numbers(3))
    before = head(nessie, branch)
    result = nessie.merge(head(nessie, work), before, message="load", dry_run=dry_run)
    assert (result.was_applied, result.was_successful) == (False, False)
    assert [(c.conflict_type, c.path) for c in result.conflicts] == [("VALUE_DIFFERS", ("ns", "t"))]
    assert head(nessie, branch) == before


def test_same_new_table_on_both_sides_is_a_conflict(
    nessie: NessieClient, branch: Reference, open_catalog: OpenCatalog
) -> None:
    work = fork(nessie, branch, "work")
    for name in (work.name, branch.name):
        make_table(open_catalog(name), 1)
    result = nessie.merge(head(nessie, work), head(nessie, branch), message="load")
    assert [(c.conflict_type, c.path) for c in result.conflicts] == [("KEY_EXISTS", ("ns", "t"))]


def test_branch_that_never_had_a_commit_cannot_be_merged_into(
    nessie: NessieClient, branch: Reference, open_catalog: OpenCatalog
) -> None:
    root = Reference("BRANCH", "main", nessie.config().no_ancestor_hash)
    empty = nessie.create_branch(f"{branch.name}.empty", root)
    make_table(open_catalog(branch.name), 1)
    with pytest.raises(ReferenceMissing, match="common ancestor"):
        nessie.merge(head(nessie, branch), empty, message="m")


def test_merge_of_a_missing_branch_is_a_missing_reference(nessie: NessieClient, branch: Reference) -> None:
    with pytest.raises(ReferenceMissing):
        nessie.merge(Reference("BRANCH", "nowhere", branch.hash), branch, message="m")
