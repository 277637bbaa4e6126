"""Every call of the Nessie client against a real server."""

import os
import signal

import pytest
import requests
from pyarrow.fs import FileType, S3FileSystem

from dativo_ingest.stack import LocalStack
from target_dativo_iceberg.nessie import (
    ContentMissing,
    NessieClient,
    NessieRefused,
    NessieUnavailable,
    OutcomeUnknown,
    Reference,
    ReferenceConflict,
    ReferenceExists,
    ReferenceMissing,
    branch_name_fault,
    commits_with_property,
)
from tests.nessie.lake import OpenCatalog, fork, head, make_table, numbers, rows

pytestmark = pytest.mark.nessie


def test_server_names_its_default_branch_and_that_branch_can_be_read(nessie: NessieClient) -> None:
    config = nessie.config()
    default = nessie.reference(config.default_branch)
    assert (default.type, default.name, config.spec_version[:2]) == ("BRANCH", "main", "2.")


def test_missing_branch_is_its_own_error_with_status_and_code(nessie: NessieClient) -> None:
    with pytest.raises(ReferenceMissing, match="'nowhere'") as caught:
        nessie.reference("nowhere")
    assert (caught.value.status, caught.value.code) == (404, "REFERENCE_NOT_FOUND")


def test_branch_starts_at_the_given_commit_not_at_the_head(
    nessie: NessieClient, branch: Reference, open_catalog: OpenCatalog
) -> None:
    make_table(open_catalog(branch.name), 1)
    old = nessie.create_branch(f"{branch.name}.old", branch)
    assert old.hash == branch.hash != head(nessie, branch).hash


def test_name_that_is_taken_is_its_own_error(nessie: NessieClient, branch: Reference) -> None:
    with pytest.raises(ReferenceExists) as caught:
        nessie.create_branch(branch.name, branch)
    assert caught.value.code == "REFERENCE_ALREADY_EXISTS"


@pytest.mark.parametrize("source", [Reference("BRANCH", "nowhere", "1122334455667788"), None])
def test_branch_from_what_does_not_exist_is_a_missing_reference(
    nessie: NessieClient, branch: Reference, source: Reference | None
) -> None:
    with pytest.raises(ReferenceMissing):
        nessie.create_branch(f"{branch.name}.x", source or Reference("BRANCH", branch.name, "1122334455667788"))


def test_tag_stays_when_its_branch_moves(nessie: NessieClient, branch: Reference, open_catalog: OpenCatalog) -> None:
    catalog = open_catalog(branch.name)
    make_table(catalog, 1)
    tag = nessie.create_tag(f"{branch.name}.tag", head(nessie, branch))
    catalog.load_table("ns.t").append(numbers(2))
    assert nessie.reference(tag.name) == tag
    assert tag.type == "TAG"
    assert rows(open_catalog(tag.name)) == [1]


@pytest.mark.parametrize(
    "name",
    [
        *("a", "A", "a1", "a-", "a_", "a.b", "a/b", "a//b", "a...", "a..b", "a.", "a/", "-a", "_a", "1a", ".", "-"),
        *("HEAD", "head", "Detached", "headx", "deadbee", "deadbeef", "DEADBEEF1", "deadbeef-1", "facefaceface"),
        *("a b", "ä", "a@b", "a#b", "a\n", "", "f" * 64, "f" * 65, "x" * 300),
    ],
)
def test_name_check_agrees_with_the_server(stack: LocalStack, nessie: NessieClient, name: str) -> None:
    root = nessie.reference("main")
    answer = requests.post(
        f"{stack.nessie_uri}/trees",
        params={"name": name, "type": "TAG"},
        json={"type": "BRANCH", "name": "main", "hash": root.hash},
        headers={"Nessie-Client-Spec": "2"},
        timeout=10,
    )
    # `-` means the default branch everywhere else, so the server's taking it here is of no use
    assert (branch_name_fault(name) is None) == (answer.status_code == 200 and name != "-")


def test_faulty_name_is_refused_with_the_rule(nessie: NessieClient, branch: Reference) -> None:
    with pytest.raises(NessieRefused, match="must start with a letter"):
        nessie.create_branch("-bad", branch)


def test_branch_name_with_slash_works_in_every_call(
    nessie: NessieClient, branch: Reference, open_catalog: OpenCatalog
) -> None:
    slashed = nessie.create_branch(f"{branch.name}/a", branch)
    make_table(open_catalog(slashed.name), 1)
    assert nessie.content(slashed.name, ("ns", "t")).type == "ICEBERG_TABLE"
    assert [entry.path for entry in nessie.entries(slashed.name)] == [("ns",), ("ns", "t")]
    assert next(nessie.log(slashed.name)).commit_meta.hash == head(nessie, slashed).hash
    assert nessie.merge(head(nessie, slashed), branch, message="m").was_applied
    nessie.delete(head(nessie, slashed))
    with pytest.raises(ReferenceMissing):
        head(nessie, slashed)


def test_references_are_listed_over_several_pages_with_how_far_they_are_ahead(
    nessie: NessieClient, branch: Reference, open_catalog: OpenCatalog
) -> None:
    names = [fork(nessie, branch, f"n{i}").name for i in range(7)]
    make_table(open_catalog(names[3]), 1)
    found = list(nessie.references(f"{branch.name}.", page_size=3))
    assert [reference.name for reference in found] == names
    metadata = [reference.metadata for reference in found if reference.metadata]
    assert [m.num_commits_ahead for m in metadata] == [0, 0, 0, 2, 0, 0, 0]
    assert [m.head.hash for m in metadata if m.head] == [reference.hash for reference in found]


def test_prefix_is_text_not_a_filter(nessie: NessieClient, branch: Reference) -> None:
    assert branch in [Reference(r.type, r.name, r.hash) for r in nessie.references()]
    assert list(nessie.references("""x') || true || ref.name.startsWith("\\""")) == []


def test_log_is_newest_first_over_several_pages_and_names_what_changed(
    nessie: NessieClient, branch: Reference, open_catalog: OpenCatalog
) -> None:
    catalog = open_catalog(branch.name)
    make_table(catalog, 1)
    for number in range(4):
        catalog.load_table("ns.t").append(numbers(number))
    commits = list(nessie.log(branch.name, with_changes=True, page_size=2))
    assert commits.pop().changed == (("ns",),)
    hashes = [commit.commit_meta.hash for commit in commits]
    assert hashes[0] == head(nessie, branch).hash
    assert [commit.parent_commit_hash for commit in commits] == [*hashes[1:], branch.hash]
    assert [commit.changed for commit in commits] == [(("ns", "t"),)] * 6
    times = [commit.commit_meta.commit_time for commit in commits]
    assert times == sorted(times, reverse=True)


def test_log_filter_finds_the_commits_of_a_run_among_commits_without_the_property(
    nessie: NessieClient, branch: Reference, open_catalog: OpenCatalog
) -> None:
    make_table(open_catalog(branch.name), 1)
    work = fork(nessie, branch, "work")
    open_catalog(work.name).load_table("ns.t").append(numbers(2))
    properties = {"dativo.run": ['it\'s "r1"'], "dativo.rows": ["1", "2"]}
    nessie.merge(head(nessie, work), branch, message="load", authors=["ann"], properties=properties)
    found = list(nessie.log(branch.name, cel=commits_with_property("dativo.run", 'it\'s "r1"')))
    assert [(commit.commit_meta.message, commit.commit_meta.authors) for commit in found] == [("load", ("ann",))]
    assert {k: list(v) for k, v in found[0].commit_meta.all_properties.items() if k in properties} == properties
    assert list(nessie.log(branch.name, cel=commits_with_property("dativo.run", "r2"))) == []


def test_faulty_filter_is_refused(nessie: NessieClient, branch: Reference) -> None:
    with pytest.raises(NessieRefused, match="400"):
        list(nessie.log(branch.name, cel="bogus("))


@pytest.mark.parametrize("name", ["t", "a.b", "a/b", "a b", "100%", "ä", "a&b=c"])
def test_content_is_the_metadata_the_catalog_serves(
    stack: LocalStack, nessie: NessieClient, branch: Reference, open_catalog: OpenCatalog, name: str
) -> None:
    catalog = open_catalog(branch.name)
    make_table(catalog, 1, name=name)
    content = nessie.content(branch.name, ("ns", name))
    snapshot = catalog.load_table(("ns", name)).current_snapshot()
    assert snapshot
    assert content.snapshot_id == snapshot.snapshot_id
    files = S3FileSystem(
        access_key=stack.s3_access_key_id,
        secret_key=stack.s3_secret_access_key,
        endpoint_override=stack.s3_endpoint,
        region=stack.s3_region,
    )
    location = (content.metadata_location or "").removeprefix("s3://")
    assert files.get_file_info(location).type == FileType.File


def test_table_that_is_missing_or_no_table_is_missing_content(nessie: NessieClient, branch: Reference) -> None:
    with pytest.raises(ContentMissing, match=r"'ns\.t'") as caught:
        nessie.content(branch.name, ("ns", "t"))
    assert caught.value.code == "CONTENT_NOT_FOUND"
    with pytest.raises(ContentMissing, match="NAMESPACE"):
        nessie.content(branch.name, ("ns",))
    with pytest.raises(ReferenceMissing):
        nessie.content("nowhere", ("ns", "t"))


def test_entries_over_several_pages_are_those_of_one_commit(
    nessie: NessieClient, branch: Reference, open_catalog: OpenCatalog
) -> None:
    catalog = open_catalog(branch.name)
    for name in ("a", "c", "e", "g"):
        make_table(catalog, 1, name=name)
    listing = nessie.entries(branch.name, page_size=2)
    first = next(listing)
    make_table(catalog, 1, name="d")
    assert [first.path, *(entry.path for entry in listing)] == [("ns",), *(("ns", name) for name in "aceg")]
    assert len(list(nessie.entries(branch.name))) == 6


def test_entries_carry_content_and_can_be_filtered(
    nessie: NessieClient, branch: Reference, open_catalog: OpenCatalog
) -> None:
    make_table(open_catalog(branch.name), 1)
    (entry,) = nessie.entries(branch.name, cel="entry.contentType == 'ICEBERG_TABLE'", with_content=True)
    assert entry.content == nessie.content(branch.name, ("ns", "t"))
    assert entry.content
    assert entry.content_id == entry.content.id


def test_delete_takes_only_the_head_that_was_read(
    nessie: NessieClient, branch: Reference, open_catalog: OpenCatalog
) -> None:
    make_table(open_catalog(branch.name), 1)
    with pytest.raises(ReferenceConflict) as caught:
        nessie.delete(branch)
    assert caught.value.status == 409
    assert [conflict.conflict_type for conflict in caught.value.conflicts] == ["UNEXPECTED_HASH"]
    assert rows(open_catalog(branch.name)) == [1]
    nessie.delete(head(nessie, branch))
    with pytest.raises(ReferenceMissing):
        head(nessie, branch)


def test_default_branch_is_never_deleted(nessie: NessieClient) -> None:
    with pytest.raises(NessieRefused, match="main"):
        nessie.delete(nessie.reference("main"))


def test_frozen_server_ends_in_a_timeout_and_a_change_has_an_unknown_outcome(
    stack: LocalStack, branch: Reference
) -> None:
    with NessieClient(stack.nessie_uri, timeout=(1, 0.5)) as impatient:
        os.kill(stack.nessie_pid, signal.SIGSTOP)
        try:
            with pytest.raises(NessieUnavailable, match=r"no answer within 0\.5 s"):
                impatient.reference(branch.name)
            with pytest.raises(OutcomeUnknown, match=r"no answer within 0\.5 s.*read the reference back"):
                impatient.create_branch(f"{branch.name}.late", branch)
        finally:
            os.kill(stack.nessie_pid, signal.SIGCONT)
    with NessieClient(stack.nessie_uri) as patient:
        assert patient.reference(branch.name) == branch
