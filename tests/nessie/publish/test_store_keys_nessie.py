"""Keys of the store that are not settings: handed out by the catalog, or of the environment."""

from __future__ import annotations

from typing import Any

import pytest

from tests.nessie.publish.between import between, ended_with_one_line
from tests.nessie.publish.landing import Landing
from tests.target.running import record, schema, state

pytestmark = pytest.mark.nessie

NO_KEYS: dict[str, Any] = {"s3_access_key_id": None, "s3_secret_access_key": None}
# no search for keys on the machine, which takes its time
NO_ROLE = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}
ONE = [schema(), record(1), state({"id": 1})]
TWO = [schema(), record(2), state({"id": 2})]


def _vended(landing: Landing) -> dict[str, str]:
    stack = landing.stack
    return {"s3.access-key-id": stack.s3_access_key_id, "s3.secret-access-key": stack.s3_secret_access_key}


def _ambient(landing: Landing) -> dict[str, str]:
    stack = landing.stack
    return NO_ROLE | {"AWS_ACCESS_KEY_ID": stack.s3_access_key_id, "AWS_SECRET_ACCESS_KEY": stack.s3_secret_access_key}


@pytest.mark.parametrize("nested", [False, True], ids=["config", "storage-credentials"])
def test_keys_that_the_catalog_hands_out_are_used(landing: Landing, nested: bool) -> None:
    settings = NO_KEYS | {"s3_endpoint": None, "s3_region": None, "env": NO_ROLE}
    with between(landing, vended=_vended(landing), nested=nested) as way:
        ended = [landing.run(lines, **settings, **way.settings) for lines in (ONE, TWO)]
    assert [e.code for e in ended] == [0, 0], ended[0].log + ended[1].log
    assert landing.ids("a") == [1, 2]
    refused = landing.run(ONE, **NO_KEYS, env=NO_ROLE)
    ended_with_one_line(refused)
    assert "s3_access_key_id" in refused.errors[0]


@pytest.mark.parametrize("publish", ["commit", "branch"])
def test_keys_of_the_environment_are_used_for_the_store_that_is_named(landing: Landing, publish: str) -> None:
    ended = [landing.run(x, **NO_KEYS, publish=publish, env=_ambient(landing)) for x in (ONE, TWO)]
    assert [e.code for e in ended] == [0, 0], ended[0].log + ended[1].log
    assert landing.ids("a") == [1, 2]


@pytest.mark.parametrize("named", [True, False])
def test_keys_of_the_environment_are_not_sent_where_only_the_catalog_says(landing: Landing, named: bool) -> None:
    """The catalog names another endpoint than the settings, or the only one."""
    assert landing.run(ONE).code == 0
    settings = NO_KEYS | ({} if named else {"s3_endpoint": None})
    with between(landing) as way:
        for lines in (TWO, [schema("new"), record(1, "new")]):
            ended = landing.run(lines, **settings, **way.settings, env=_ambient(landing))
            ended_with_one_line(ended)
            assert "set s3_endpoint" in ended.errors[0]
            assert way.s3.uri.removeprefix("http://") in ended.errors[0]
        assert way.s3.requests == []
    assert list(landing.tables()) == ["a"]
