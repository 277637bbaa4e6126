"""What of the credentials goes over the wire, and what never shows."""

import base64
import json
import traceback
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from target_dativo_iceberg.nessie import (
    BearerToken,
    ClientCredentials,
    NessieClient,
    NessieUnauthorized,
    NessieUnavailable,
    Reference,
)
from tests.nessie.loopback import MAIN, Answer, Arrival, Loopback, serving

SECRET = "s3cr3t/+ü"
HEAD = Reference("BRANCH", "main", "0011223344556677")


@pytest.fixture
def api() -> Iterator[Loopback]:
    """An API that takes every token but `revoked`."""

    def answer(arrival: Arrival) -> Answer:
        refused = arrival.headers.get("Authorization") == "Bearer revoked"
        return (401, {}, b"") if refused else (200, {}, MAIN)

    with serving(answer) as running:
        yield running


def token_server(*tokens: str, **extra: object) -> Iterator[Answer]:
    """Answers of a token server, the last one for ever."""
    for token in tokens:
        yield 200, {}, json.dumps({"access_token": token, "token_type": "bearer", **extra}).encode()
    while True:
        yield 200, {}, json.dumps({"access_token": tokens[-1], "token_type": "bearer", **extra}).encode()


def tokens_sent(api: Loopback) -> list[str | None]:
    return [arrival.headers.get("Authorization") for arrival in api.arrivals]


def read_main(api: Loopback, credentials: BearerToken | ClientCredentials | None, times: int = 1) -> None:
    with NessieClient(api.uri, credentials=credentials, timeout=(2, 2)) as client:
        for _ in range(times):
            client.reference("main")


def test_spec_header_and_bearer_token_go_with_every_call(api: Loopback) -> None:
    with NessieClient(api.uri, credentials=BearerToken(" abc\n")) as client:
        client.create_branch("b", client.reference("main"))
    assert tokens_sent(api) == ["Bearer abc"] * 2
    assert [arrival.headers["Nessie-Client-Spec"] for arrival in api.arrivals] == ["2", "2"]
    assert json.loads(api.arrivals[1].body) == {"type": "BRANCH", "name": "main", "hash": "0011223344556677"}


def test_without_credentials_nothing_is_sent_not_even_a_netrc_password(
    api: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(netrc))
    read_main(api, None)
    assert tokens_sent(api) == [None]


def test_oauth_token_is_asked_for_once_with_the_client_in_basic_form(api: Loopback) -> None:
    answers = token_server("t1", "t2", expires_in="3600")
    with serving(lambda _: next(answers)) as oauth:
        read_main(api, ClientCredentials(f"{oauth.uri}/token", "me@x", SECRET, "catalog"), times=3)
    assert tokens_sent(api) == ["Bearer t1"] * 3
    (asked,) = oauth.arrivals
    client = base64.b64encode(b"me%40x:s3cr3t%2F%2B%C3%BC").decode()
    assert (asked.path, asked.headers["Authorization"]) == ("/token", f"Basic {client}")
    assert parse_qs(asked.body) == {"grant_type": ["client_credentials"], "scope": ["catalog"]}


def test_oauth_token_about_to_expire_is_renewed_before_the_call(api: Loopback) -> None:
    answers = token_server("t1", "t2", "t3", expires_in=20)
    with serving(lambda _: next(answers)) as oauth:
        read_main(api, ClientCredentials(oauth.uri, "me", SECRET), times=3)
    assert tokens_sent(api) == ["Bearer t1", "Bearer t2", "Bearer t3"]


def test_oauth_token_that_was_revoked_is_renewed_once_for_a_change_too(api: Loopback) -> None:
    answers = token_server("revoked", "good")
    with (
        serving(lambda _: next(answers)) as oauth,
        NessieClient(api.uri, credentials=ClientCredentials(oauth.uri, "me", SECRET)) as client,
    ):
        assert client.create_branch("b", HEAD) == HEAD
    assert tokens_sent(api) == ["Bearer revoked", "Bearer good"]


def test_oauth_token_refused_twice_is_an_error(api: Loopback) -> None:
    answers = token_server("revoked")
    with serving(lambda _: next(answers)) as oauth, pytest.raises(NessieUnauthorized) as caught:
        read_main(api, ClientCredentials(oauth.uri, "me", SECRET))
    assert caught.value.status == 401
    assert len(api.arrivals) == 2


def test_fixed_token_refused_is_an_error_at_once(api: Loopback) -> None:
    with pytest.raises(NessieUnauthorized, match="401"):
        read_main(api, BearerToken("revoked"))
    assert len(api.arrivals) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((400, {}, b'{"error":"invalid_client","error_description":"s3cr3t"}'), NessieUnauthorized),
        ((401, {}, b""), NessieUnauthorized),
        ((302, {"Location": "/elsewhere"}, b""), NessieUnauthorized),
        ((503, {}, b""), NessieUnavailable),
        ((None, {}, b""), NessieUnavailable),
        ((200, {}, b'{"access_token":17,"x":"s3cr3t"}'), NessieUnauthorized),
        ((200, {}, b"<html>s3cr3t"), NessieUnauthorized),
        ((200, {}, b'{"access_token":"s3cr3t\\r\\nX: y"}'), NessieUnauthorized),
    ],
)
def test_token_server_that_gives_no_token_is_an_error_without_the_secret(
    api: Loopback, answer: Answer, kind: type[Exception]
) -> None:
    with serving(lambda _: answer) as oauth, pytest.raises(kind) as caught:
        read_main(api, ClientCredentials(oauth.uri, "me", SECRET))
    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))
    assert api.arrivals == []


def test_secrets_are_in_no_representation() -> None:
    shown = repr([BearerToken(SECRET), ClientCredentials("https://x", "me", SECRET)])
    assert SECRET not in shown
    assert "me" in shown
