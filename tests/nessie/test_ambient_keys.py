"""Where keys of the environment may go."""

from __future__ import annotations

import pytest

from target_dativo_iceberg.ambient_keys import store_properties
from target_dativo_iceberg.errors import SettingsError

KEYS = {"s3.access-key-id": "k", "s3.secret-access-key": "s"}
OURS = {"s3.endpoint": "https://store.example.com"}


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://store.example.com/",
        "https://STORE.example.com:443",
        "https://s3.amazonaws.com",
        "https://s3.eu-central-1.amazonaws.com",
        "https://s3-fips.dualstack.us-gov-east-1.amazonaws.com",
        "https://s3.cn-north-1.amazonaws.com.cn",
    ],
)
def test_keys_of_the_environment_go_to_the_named_store_and_to_amazons(endpoint: str) -> None:
    assert store_properties(OURS, OURS | {"s3.endpoint": endpoint})["s3.endpoint"] == endpoint


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://store.example.com",
        "https://store.example.com:8443",
        "https://store.example.com.evil.example",
        "https://user:store.example.com@evil.example",
        "http://s3.amazonaws.com",
        "https://s3.amazonaws.com:8443",
        "https://ec2-198-51-100-1.compute-1.amazonaws.com",
        "https://x.execute-api.eu-central-1.amazonaws.com",
        "https://vpce-1.s3.eu-central-1.vpce.amazonaws.com",
        "https://s3.eu-central-1.amazonaws.com.evil.example",
        "https://s3xamazonaws.com",
        "https://store.example.com:no-port",
        "store.example.com",
    ],
)
def test_and_to_no_other(endpoint: str) -> None:
    with pytest.raises(SettingsError, match="s3_endpoint"):
        store_properties(OURS, OURS | {"s3.endpoint": endpoint})
    with pytest.raises(SettingsError):
        store_properties({}, {"s3.endpoint": endpoint, "s3.access-key-id": "half of a pair"})
    assert store_properties(OURS, OURS | KEYS | {"s3.endpoint": endpoint})["s3.endpoint"] == endpoint


def test_without_an_endpoint_they_go_to_amazon() -> None:
    assert store_properties({}, {"s3.region": "eu-central-1"}) == {"s3.region": "eu-central-1"}


@pytest.mark.parametrize("name", ["s3.retry-strategy-impl", "s3.proxy-uri"])
def test_a_server_chooses_neither_code_nor_a_proxy(name: str) -> None:
    assert store_properties(KEYS, KEYS | {name: "theirs"}) == KEYS
    assert store_properties(KEYS | {name: "ours"}, KEYS | {name: "ours"})[name] == "ours"
