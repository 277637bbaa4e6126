"""Rejected records: whatever came, quarantine holds no protected value."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from target_dativo_iceberg.contract.model import Contract, Field, Kind, Type
from target_dativo_iceberg.contract.privacy.protection import decrypt
from tests.privacy.door import KEY, STRING, VALUES, hash_of, masked, people, protect, rule, stored

HOME = Type(Kind.STRUCT, fields=(Field("street", STRING, classification="pii"), Field("zip", Type(Kind.INTEGER))))
ORDERS = Type(
    Kind.LIST,
    item=Field("element", Type(Kind.STRUCT, fields=(Field("no", STRING), Field("to", STRING, tags=("pii",))))),
)
CONTRACT: Contract = people(
    Field("id", Type(Kind.INTEGER), required=True),
    Field("age", Type(Kind.INTEGER)),
    Field("email", STRING, classification="pii"),
    Field("ssn", Type(Kind.INTEGER), classification="pii"),
    Field("home", HOME),
    Field("orders", ORDERS),
    Field("extra", Type(Kind.JSON)),
    primary_key=("id",),
)
RULES = (rule("hash", classification="pii"), rule("redact", tags="pii"))
PRIVACY = protect(CONTRACT, *RULES)
CANARY = "canary-7f3a"


def test_protected_members_become_what_the_table_would_hold_and_the_rest_stays() -> None:
    record = (
        '{"id": 1, "age": "old", "email": "a@x", "ssn": "123", "home": {"street": "s", "zip": "n/a"},'
        ' "orders": [{"no": "1", "to": "t"}], "extra": {"any": [1.50]}}'
    )
    assert masked(PRIVACY, record) == {
        "id": 1,
        "age": "old",
        "email": hash_of("a@x"),
        "ssn": hash_of("123"),
        "home": {"street": hash_of("s"), "zip": "n/a"},
        "orders": [{"no": "1", "to": "[redacted]"}],
        "extra": {"any": [1.5]},
    }


def test_numbers_texts_order_and_doubled_names_come_back_as_written() -> None:
    record = (
        b'{"extra":{"z":1.50e+02,"a":-0},"id":12345678901234567890123,"age":NaN,"age":"\\u00df\\ud800","email":null}'
    )
    assert PRIVACY.apply_record(record) == record
    assert PRIVACY.apply_record('{"age": "ß"}'.encode()) == '{"age":"ß"}'.encode()


@pytest.mark.parametrize(
    "value", ['{"a": "X"}', '["X"]', "[[]]", "true", '"\\ud800X"', "1.5", "1e400", "NaN", '"12X"', "9" * 401]
)
def test_a_protected_value_of_another_type_is_redacted(value: str) -> None:
    found = masked(PRIVACY, f'{{"id": 1, "ssn": {value}}}')
    assert found == {"id": 1, "ssn": "[redacted]"}


@pytest.mark.parametrize(
    "value", [f'"{CANARY}"', f'["{CANARY}"]', f'{{"x": "{CANARY}"}}', f'[{{"street": "{CANARY}"}}]']
)
@pytest.mark.parametrize("name", ["home", "orders"])
def test_another_shape_around_a_protected_member_is_redacted(name: str, value: str) -> None:
    found = PRIVACY.apply_record(f'{{"id": 1, "{name}": {value}}}'.encode())
    assert CANARY.encode() not in found
    assert json.loads(found)["id"] == 1


def test_a_member_named_twice_is_hidden_twice() -> None:
    found = PRIVACY.apply_record(b'{"email": "first", "id": 1, "email": "second"}')
    assert found == f'{{"email":"{hash_of("first")}","id":1,"email":"{hash_of("second")}"}}'.encode()


def test_an_escaped_name_is_the_name() -> None:
    assert masked(PRIVACY, '{"em\\u0061il": "a@x"}') == {"email": hash_of("a@x")}


@pytest.mark.parametrize(
    "record",
    [
        b'{"id": 1, "email": "canary-7f3a"',
        b"canary-7f3a",
        b'"canary-7f3a"',
        b'[{"email": "canary-7f3a"}]',
        b'\xff\xfe{"email": "canary-7f3a"}',
        b'\xef\xbb\xbf{"email": "canary-7f3a"}',
        b'{"email": "canary-7f3a\n"}',
        b'{"email": "canary-7f3a"} trailing',
        b"[" * 100_000 + b'"canary-7f3a"',
        b'{"extra": ' + b'{"a": ' * 5000 + b'"canary-7f3a"' + b"}" * 5001,
        b"",
    ],
    ids=[
        "cut",
        "text",
        "string",
        "list",
        "not UTF-8",
        "byte order mark",
        "control",
        "trailing",
        "deep",
        "deeper",
        "none",
    ],
)
def test_what_is_no_json_object_becomes_a_fixed_text_with_its_length(record: bytes) -> None:
    expected = {"_redacted": "not a JSON object", "_bytes": len(record)}
    assert json.loads(PRIVACY.apply_record(record)) == expected
    assert json.loads(protect(CONTRACT, *RULES, quarantine="all").apply_record(record)) == expected


@pytest.mark.parametrize("depth", [90, 110, 300, 500, 700, 900, 2000])
def test_nesting_is_kept_to_a_fixed_depth(depth: int) -> None:
    nested = "[" * depth + "]" * depth
    for privacy, name in ((PRIVACY, "extra"), (protect(CONTRACT, *RULES, quarantine="all"), "undeclared")):
        found = privacy.apply_record(f'{{"id": 1, "email": "{CANARY}", "{name}": {nested}}}'.encode())
        assert CANARY.encode() not in found
        assert ("id" in json.loads(found)) == (depth == 90)


# ---- what the contract does not declare ----

UNDECLARED = '{"id": 1, "e_mail": "X", "E-Mail": "Y", "nick": "N", "none": null, "home": {"Street": "S", "floor": 2}}'


def test_undeclared_members_are_redacted_by_default() -> None:
    assert masked(PRIVACY, UNDECLARED) == {
        "id": 1,
        "e_mail": "[redacted]",
        "E-Mail": "[redacted]",
        "nick": "[redacted]",
        "none": None,
        "home": {"Street": "[redacted]", "floor": "[redacted]"},
    }


def test_quarantine_all_keeps_them_but_for_names_that_are_like_protected_ones() -> None:
    privacy = protect(CONTRACT, *RULES, quarantine="all")
    assert masked(privacy, UNDECLARED) == {
        "id": 1,
        "e_mail": "[redacted]",
        "E-Mail": "[redacted]",
        "nick": "N",
        "none": None,
        "home": {"Street": "[redacted]", "floor": 2},
    }
    line = '{"type": "RECORD", "record": {"id": 1, "email": "X", "orders": [{"to": "Y", "no": "Z"}], "age": [7]}}'
    assert masked(privacy, line) == {
        "type": "RECORD",
        "record": {"id": 1, "email": "[redacted]", "orders": [{"to": "[redacted]", "no": "Z"}], "age": [7]},
    }


def test_an_object_where_a_plain_value_is_declared_is_undeclared() -> None:
    record = '{"id": {"x": "X"}, "age": ["X"]}'
    assert masked(PRIVACY, record) == {"id": "[redacted]", "age": "[redacted]"}
    assert masked(protect(CONTRACT, *RULES, quarantine="all"), record) == {"id": {"x": "X"}, "age": ["X"]}


def test_quarantine_keys_keeps_the_key_columns_alone() -> None:
    privacy = protect(CONTRACT, *RULES, quarantine="keys")
    record = '{"id": 1, "age": 5, "email": "X", "nick": null, "home": {"zip": 1}}'
    hidden = "[redacted]"
    assert masked(privacy, record) == {"id": 1, "age": hidden, "email": hidden, "nick": None, "home": hidden}
    hashed = protect(CONTRACT, rule("hash", name="id"), quarantine="keys")
    assert masked(hashed, record)["id"] == hash_of("1")
    assert masked(protect(CONTRACT, quarantine="keys"), record)["age"] == hidden


def test_without_a_protected_column_a_rejected_record_stays_as_it_came() -> None:
    for privacy in (protect(CONTRACT), protect(CONTRACT, rule("allow", path="*"))):
        assert privacy.apply_record(b'{"nick":  "N"') == b'{"nick":  "N"'
        assert privacy.replayable


def test_hidden_records_are_not_replayable() -> None:
    for privacy in (PRIVACY, protect(CONTRACT, quarantine="keys"), protect(CONTRACT, rule("drop", name="email"))):
        assert not privacy.replayable


# ---- other actions ----


def test_encryption_goes_into_the_column_that_encrypted_name_says() -> None:
    contract = people(Field("id", STRING), Field("email", STRING, encrypted_name="email_enc"))
    privacy = protect(contract, rule("encrypt", name="email"))
    found = masked(privacy, '{"id": "1", "email": "a@x", "email_enc": "planted"}')
    assert list(found) == ["id", "email", "email_enc"]
    assert found["email"] is None
    assert decrypt(found["email_enc"], KEY) == "a@x"


def test_a_wrong_value_is_redacted_in_the_ciphertext_column_too() -> None:
    contract = people(Field("email", STRING, encrypted_name="email_enc"))
    privacy = protect(contract, rule("encrypt", name="email"))
    assert masked(privacy, '{"email": [1]}') == {"email": None, "email_enc": "[redacted]"}


def test_map_keys_of_a_rejected_record_are_hidden() -> None:
    contract = people(Field("m", Type(Kind.MAP, key=Type(Kind.INTEGER), item=Field("value", STRING))))
    privacy = protect(contract, rule("hash", name="m"))
    assert masked(privacy, '{"m": {"7": "a", "x": "b"}}') == {
        "m": {hash_of("7"): hash_of("a"), "[redacted]": hash_of("b")}
    }


def test_json_columns_hash_alike_however_they_are_spaced_and_ordered() -> None:
    privacy = protect(people(Field("c", Type(Kind.JSON))), rule("hash"))
    spellings = ['{"c": {"b":1.50, "a":[ ]}}', '{"c":{"a": [],"b": 1.50}}']
    expected = {"c": hash_of('{"a":[],"b":1.50}')}
    assert stored(privacy, *spellings) == [expected, expected] == [masked(privacy, s) for s in spellings]


# ---- any record ----

_NAMES = st.sampled_from(["id", "age", "email", "ssn", "home", "orders", "street", "to", "zip", "no", "Email", "zzz"])
_SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.just(CANARY) | st.text(max_size=3)
)
_NODES = st.recursive(
    _SCALARS, lambda below: st.lists(below, max_size=3) | st.dictionaries(_NAMES, below, max_size=4), max_leaves=12
)


@settings(deadline=None, max_examples=200)
@given(
    protected=st.dictionaries(st.sampled_from(["email", "ssn", "EMAIL"]), _NODES, max_size=3),
    home=st.just(CANARY) | st.lists(st.just(CANARY)) | st.dictionaries(st.sampled_from(["street", "floor"]), _NODES),
)
@pytest.mark.parametrize("quarantine", ["declared", "all", "keys"])
def test_no_value_under_a_protected_name_survives(quarantine: str, protected: dict[str, Any], home: Any) -> None:
    privacy = protect(CONTRACT, *RULES, quarantine=quarantine)
    record: dict[str, Any] = {"id": 1, **protected}
    if quarantine != "all":
        record["home"] = home
    found = privacy.apply_record(json.dumps(record).encode())
    assert CANARY.encode() not in found
    assert json.loads(found)["id"] == 1


def test_the_texts_of_all_types_are_hidden_when_they_come_as_text() -> None:
    for value in VALUES.values():
        privacy = protect(people(Field("c", value.type)), rule("hash"))
        found = masked(privacy, json.dumps({"c": "canary-7f3a"}))["c"]
        assert found in ("[redacted]", hash_of("canary-7f3a")), value
