"""Addresses in all the forms that people have."""

import pytest

from target_dativo_iceberg.nessie import NessieClient, NessieRefused, branch_in_uri, normalise_uri


@pytest.mark.parametrize(
    ("uri", "base"),
    [
        ("http://h:19120", "http://h:19120"),
        ("http://h:19120/", "http://h:19120"),
        ("https://h/api/v1", "https://h"),
        ("https://h/api/v2/", "https://h"),
        (" https://h/api/v2// ", "https://h"),
        ("https://h/iceberg", "https://h"),
        ("https://h/iceberg/", "https://h"),
        ("https://h/iceberg/dev", "https://h"),
        ("https://h/iceberg/dev/", "https://h"),
        ("https://h/iceberg/tenant%2Fa%7Cwarehouse", "https://h"),
        ("https://h/proxy/nessie", "https://h/proxy/nessie"),
        ("https://h/proxy/nessie/api/v2", "https://h/proxy/nessie"),
        ("https://h/proxy/iceberg/dev", "https://h/proxy"),
        ("HTTPS://h/api/v2", "https://h"),
        ("nessie.example:19120", "https://nessie.example:19120"),
        ("nessie.example/api/v2", "https://nessie.example"),
        ("localhost:19120", "http://localhost:19120"),
        ("127.0.0.1:19120/iceberg/dev", "http://127.0.0.1:19120"),
        ("[::1]:19120", "http://[::1]:19120"),
    ],
)
def test_every_form_leads_to_the_same_two_bases(uri: str, base: str) -> None:
    assert normalise_uri(uri) == (f"{base}/api/v2", f"{base}/iceberg")
    assert normalise_uri(normalise_uri(uri)[0]) == normalise_uri(normalise_uri(uri)[1]) == normalise_uri(uri)


@pytest.mark.parametrize(
    ("uri", "branch"),
    [
        ("https://h/iceberg/dev", "dev"),
        ("https://h/iceberg/dev/", "dev"),
        ("h/iceberg/tenant%2Fa", "tenant/a"),
        ("https://h/iceberg/dev|warehouse", "dev"),
        ("https://h/iceberg/dev%7Cwarehouse", "dev"),
        ("https://h/iceberg", None),
        ("https://h/api/v2", None),
        ("https://h", None),
    ],
)
def test_branch_in_an_address_is_not_lost(uri: str, branch: str | None) -> None:
    assert branch_in_uri(uri) == branch


@pytest.mark.parametrize(
    "uri", ["", "ftp://h", "https://", "https://h/api/v2?x=1", "https://h#x", "https://h:x", "http://[::1"]
)
def test_what_is_no_address_is_refused(uri: str) -> None:
    with pytest.raises(NessieRefused, match="not of the form"):
        normalise_uri(uri)


def test_password_in_an_address_is_refused_and_not_shown() -> None:
    with pytest.raises(NessieRefused, match="user or password") as caught:
        NessieClient("https://me:hidden@h/api/v2")
    assert "hidden" not in str(caught.value)
