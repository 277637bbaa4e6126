"""Failures that a healthy Nessie does not show: each is the error that says what the caller may do next."""

import socket

import pytest

from target_dativo_iceberg.nessie import (
    NessieClient,
    NessieError,
    NessieRefused,
    NessieUnauthorized,
    NessieUnavailable,
    OutcomeUnknown,
    Reference,
    ReferenceConflict,
)
from tests.nessie.loopback import MAIN, Answer, serving

HEAD = Reference("BRANCH", "main", "0011223344556677")
DROPPED: Answer = (None, {}, b"")
GOOD: Answer = (200, {}, MAIN)


@pytest.mark.parametrize("fault", [DROPPED, (503, {}, b""), (429, {}, b"{}")])
def test_read_is_repeated_while_the_server_is_busy_or_drops_it(fault: Answer) -> None:
    answers = iter([fault, fault, GOOD])
    with serving(lambda _: next(answers)) as api, NessieClient(api.uri) as client:
        assert client.reference("main") == HEAD


@pytest.mark.parametrize("fault", [DROPPED, (503, {}, b"")])
def test_read_gives_up_after_three_times(fault: Answer) -> None:
    with (
        serving(lambda _: fault) as api,
        NessieClient(api.uri) as client,
        pytest.raises(NessieUnavailable, match="'main'"),
    ):
        client.reference("main")
    assert len(api.arrivals) == 3


@pytest.mark.parametrize("fault", [DROPPED, (500, {}, b""), (502, {}, b"<html>"), (503, {}, b""), (200, {}, b"{}")])
def test_change_is_sent_once_and_not_clearly_answered_is_an_unknown_outcome(fault: Answer) -> None:
    with (
        serving(lambda _: fault) as api,
        NessieClient(api.uri) as client,
        pytest.raises(OutcomeUnknown, match="read the reference back"),
    ):
        client.create_branch("b", HEAD)
    assert len(api.arrivals) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, NessieRefused),
        (400, NessieRefused),
        (401, NessieUnauthorized),
        (403, NessieUnauthorized),
        (404, NessieRefused),
        (409, ReferenceConflict),
        (429, NessieUnavailable),
    ],
)
def test_change_that_was_refused_is_known_not_to_have_happened(status: int, kind: type[NessieError]) -> None:
    with (
        serving(lambda _: (status, {"Location": "/x"}, b"no json")) as api,
        NessieClient(api.uri) as client,
        pytest.raises(kind) as caught,
    ):
        client.create_branch("b", HEAD)
    assert type(caught.value) is kind
    assert caught.value.status == status
    assert len(api.arrivals) == 1


def test_server_that_is_not_there_changes_nothing() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with NessieClient(f"http://127.0.0.1:{taken.getsockname()[1]}") as client:
            with pytest.raises(NessieUnavailable, match="check that the server runs"):
                client.reference("main")
            with pytest.raises(NessieUnavailable, match="check that the server runs"):
                client.create_branch("b", HEAD)


@pytest.mark.parametrize("content", [b"<html>hello", b"[]", b'{"reference":{"type":"BRANCH"}}', b"\xff"])
def test_answer_of_something_else_than_nessie_is_an_error(content: bytes) -> None:
    with (
        serving(lambda _: (200, {}, content)) as api,
        NessieClient(api.uri) as client,
        pytest.raises(NessieError, match="not what Nessie's API v2 sends"),
    ):
        client.reference("main")


@pytest.mark.parametrize("token", ["null", '"same"'])
def test_list_that_never_ends_is_an_error(token: str) -> None:
    page = f'{{"hasMore":true,"token":{token},"references":[]}}'.encode()
    with (
        serving(lambda _: (200, {}, page)) as api,
        NessieClient(api.uri) as client,
        pytest.raises(NessieError, match="promises more"),
    ):
        list(client.references())
