"""What privacy makes of a contract: types, keys, partitions, checks, properties, and tables that are there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from target_dativo_iceberg.contract.model import (
    Check,
    CheckKind,
    Contract,
    Field,
    Kind,
    Partition,
    Rule,
    RuleKind,
    Type,
)
from target_dativo_iceberg.contract.privacy.protection import decrypt
from target_dativo_iceberg.contract.values.arrow import arrow_schema
from target_dativo_iceberg.errors import ContractError, SettingsError
from target_dativo_iceberg.iceberg_types import iceberg_schema
from tests.privacy.door import KEY, OTHER_KEY, STRING, accepted, hash_of, people, protect, rule, stored

LONG = Rule("people.c.minLength", RuleKind.MIN_LENGTH, 3)
FIELD = Field(
    "c", Type(Kind.DATE), required=True, unique=True, description="d", classification="pii", tags=("t",), stable_id="s"
)


@pytest.mark.parametrize(
    ("action", "required", "unique"),
    [
        ("redact", True, False),
        ("partial:2", True, False),
        ("hash", True, True),
        ("token", True, True),
        ("encrypt", True, False),
        ("null", False, False),
    ],
)
def test_a_protected_field_keeps_what_is_still_true_of_it(action: str, required: bool, unique: bool) -> None:
    (field,) = protect(people(replace(FIELD, rules=(LONG,))), rule(action)).contract.fields
    kept = replace(FIELD, rules=(), required=required, unique=unique)
    assert field == (kept if action == "null" else replace(kept, type=STRING))


def test_rules_about_the_clear_value_stay_where_records_are_judged() -> None:
    contract = people(replace(FIELD, type=STRING, rules=(LONG,)))
    privacy = protect(contract, rule("hash"))
    assert privacy.clear is contract
    assert privacy.contract.fields[0].rules == ()


def test_the_tables_schema_is_that_of_its_rows() -> None:
    inner = Type(Kind.STRUCT, fields=(Field("a", STRING), Field("b", Type(Kind.DATE)), Field("x", STRING)))
    contract = people(
        Field("id", Type(Kind.INTEGER), required=True),
        Field("home", inner),
        Field("days", Type(Kind.LIST, item=Field("element", Type(Kind.DATE), required=True))),
        Field("gone", STRING),
        primary_key=("id",),
    )
    rules = (rule("hash", path=["id", "home.b", "days"]), rule("drop", path=["gone", "home.x"]))
    privacy = protect(contract, *rules)
    batch = privacy.apply(accepted(privacy, ['{"id": 1, "days": ["2024-01-01"]}']))
    assert batch.schema == arrow_schema(privacy.contract)
    assert [(f.name, str(f.field_type), f.required) for f in iceberg_schema(privacy.contract).fields] == [
        ("id", "string", True),
        ("home", "struct<4: a: optional string, 5: b: optional string>", False),
        ("days", "list<string>", False),
    ]
    assert iceberg_schema(privacy.contract).identifier_field_ids == [1]
    assert privacy.protected_columns == ("id", "home.b", "days.element")


# ---- keys ----

KEYED = people(
    Field("country", STRING, required=True),
    Field("no", Type(Kind.INTEGER), required=True, encrypted_name="no_enc"),
    primary_key=("country", "no"),
)


@pytest.mark.parametrize("action", ["hash", "token"])
def test_a_composite_key_stays_a_key(action: str) -> None:
    privacy = protect(KEYED, rule(action, name=["country", "no"]))
    rows = stored(privacy, *[f'{{"country": "{c}", "no": {n}}}' for c in ("de", "fr") for n in (1, 2)] * 2)
    assert len({tuple(r.values()) for r in rows}) == 4
    assert privacy.contract.primary_key == ("country", "no")
    assert all(f.required for f in privacy.contract.fields)


def test_an_encrypted_key_joins_without_being_told_and_moves_with_its_ciphertext() -> None:
    privacy = protect(KEYED, rule("encrypt", name=["country", "no"]))
    first, again = stored(privacy, *['{"country": "de", "no": 7}'] * 2)
    assert first == again
    assert first["no"] is None
    assert decrypt(first["no_enc"], KEY) == "7"
    assert privacy.contract.primary_key == ("country", "no_enc")
    assert {f.name: f.required for f in privacy.contract.fields} == {"country": True, "no": False, "no_enc": True}
    assert privacy.clear is KEYED
    assert len(iceberg_schema(privacy.contract).identifier_field_ids) == 2


@pytest.mark.parametrize("action", ["drop", "null", "redact", "partial:4"])
def test_an_action_that_does_not_keep_keys_apart_is_refused(action: str) -> None:
    with pytest.raises(ContractError, match=r"'no' is in the primary key, and action .* use hash, token or encrypt"):
        protect(KEYED, rule(action, name="no"))


# ---- encryptedName ----


@pytest.mark.parametrize("clear", ["null", "drop"])
def test_ciphertext_goes_to_its_own_column_after_the_clear_one(clear: str) -> None:
    contract = people(Field("email", STRING, required=True, encrypted_name="email_enc"), Field("z", STRING))
    privacy = protect(contract, rule("encrypt", name="email", clear=clear))
    (row,) = stored(privacy, '{"email": "a@x", "z": "z"}')
    assert list(row) == (["email", "email_enc", "z"] if clear == "null" else ["email_enc", "z"])
    assert row.get("email") is None
    assert decrypt(row["email_enc"], KEY) == "a@x"
    assert {f.name: f.required for f in privacy.contract.fields}["email_enc"] is True
    assert privacy.protected == {"email_enc": "encrypt:gcm"} | ({"email": "null"} if clear == "null" else {})


def test_a_declared_ciphertext_column_keeps_its_place_and_is_not_read_from_records() -> None:
    declared = Field("email_enc", STRING, required=True, description="sealed", classification="restricted")
    contract = people(declared, Field("id", STRING), Field("email", STRING, encrypted_name="email_enc"))
    privacy = protect(contract, rule("encrypt", name="email"))
    assert [f.name for f in privacy.clear.fields] == ["id", "email"]
    assert [f.name for f in privacy.contract.fields] == ["email_enc", "id", "email"]
    assert privacy.contract.fields[0] == replace(declared, required=False)
    (row,) = stored(privacy, '{"id": "1", "email": "a@x", "email_enc": "planted"}')
    assert decrypt(row["email_enc"], KEY) == "a@x"
    assert privacy.warnings == ()


def test_a_declared_ciphertext_column_can_be_the_key() -> None:
    contract = people(
        Field("id", STRING, encrypted_name="id_enc"), Field("id_enc", STRING, required=True), primary_key=("id_enc",)
    )
    privacy = protect(contract, rule("encrypt", name="id", clear="drop"))
    assert (privacy.clear.primary_key, privacy.contract.primary_key) == (("id",), ("id_enc",))
    assert privacy.clear.fields[0].required
    first, again = stored(privacy, *['{"id": "1"}'] * 2)
    assert first == again
    assert list(first) == ["id_enc"]


def test_encrypted_name_means_nothing_to_other_actions() -> None:
    contract = people(Field("email", STRING, encrypted_name="email_enc"), Field("email_enc", STRING))
    privacy = protect(contract, rule("hash", name="email"))
    assert stored(privacy, '{"email": "a", "email_enc": "b"}') == [{"email": hash_of("a"), "email_enc": "b"}]


def test_a_member_of_a_struct_has_its_ciphertext_beside_it() -> None:
    inner = Type(Kind.STRUCT, fields=(Field("email", STRING, encrypted_name="e"), Field("z", STRING)))
    privacy = protect(people(Field("c", inner)), rule("encrypt", name="email"))
    (row,) = stored(privacy, '{"c": {"email": "a", "z": "z"}}')
    assert list(row["c"]) == ["email", "e", "z"]
    assert decrypt(row["c"]["e"], KEY) == "a"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ((Field("a", STRING, encrypted_name="B"), Field("b", STRING)), "two columns would be called 'b'"),
        (
            (Field("a", STRING, encrypted_name="x"), Field("b", STRING, encrypted_name="x")),
            "two columns would be called 'x'",
        ),
        (
            (Field("a", STRING, encrypted_name="b"), Field("b", Type(Kind.INTEGER))),
            "'b' takes the ciphertext of 'a' and is no text",
        ),
        (
            (Field("a", Type(Kind.LIST, item=Field("element", STRING)), encrypted_name="b"),),
            "'a' has an encryptedName and is no single value",
        ),
        (
            (Field("a", Type(Kind.LIST, item=Field("element", STRING, encrypted_name="b"))),),
            r"elements of 'a\[\]' cannot have an encryptedName",
        ),
    ],
)
def test_a_ciphertext_column_that_cannot_be_is_refused(fields: tuple[Field, ...], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        protect(people(*fields), rule("encrypt", name=["a", "b"]))


# ---- partitions ----


def _partitioned(transform: str, kind: Kind = Kind.DATE, **field: Any) -> Contract:
    return people(Field("c", Type(kind), **field), Field("z", STRING), partitions=(Partition("c", transform),))


@pytest.mark.parametrize("transform", ["identity", "bucket[16]", "truncate[2]"])
def test_a_partition_column_may_be_sealed_by_what_keeps_values_apart(transform: str) -> None:
    for extras in ({"action": "hash"}, {"action": "token"}, {"action": "encrypt", "joinable": True}):
        privacy = protect(_partitioned(transform), rule(**extras))
        assert privacy.contract.partitions == (Partition("c", transform),)


@pytest.mark.parametrize(
    ("contract", "action", "message"),
    [
        (_partitioned("identity"), "redact", "action 'redact' does not keep values apart"),
        (
            _partitioned("identity"),
            "encrypt",
            "action 'encrypt' does not keep values apart: use hash, token, or encrypt",
        ),
        (_partitioned("identity"), "drop", "action 'drop' does not keep values apart"),
        (_partitioned("day"), "hash", "action 'hash' leaves no day"),
        (_partitioned("identity", encrypted_name="e"), "encrypt", "its values go to another column: partition by 'e'"),
    ],
)
def test_a_partition_column_that_would_lose_its_meaning_is_refused(
    contract: Contract, action: str, message: str
) -> None:
    with pytest.raises(ContractError, match="the table is partitioned by 'c', and " + message):
        protect(contract, rule(action))


def test_a_ciphertext_column_may_be_a_partition_if_it_joins() -> None:
    contract = people(
        Field("c", STRING, encrypted_name="e"), Field("e", STRING), partitions=(Partition("e", "bucket[8]"),)
    )
    assert protect(contract, rule("encrypt", joinable=True)).contract.partitions == contract.partitions
    with pytest.raises(ContractError, match="the table is partitioned by 'e', and action 'encrypt' does not keep"):
        protect(contract, rule("encrypt"))


def test_a_partition_column_that_is_allowed_stays() -> None:
    assert protect(_partitioned("day"), rule("allow")).contract.partitions == (Partition("c", "day"),)


# ---- checks ----


@pytest.mark.parametrize(
    ("kind", "action", "clear"),
    [
        (CheckKind.NULL_VALUES, "hash", False),
        (CheckKind.NULL_VALUES, "redact", False),
        (CheckKind.NULL_VALUES, "null", True),
        (CheckKind.NULL_VALUES, "drop", True),
        (CheckKind.DUPLICATE_VALUES, "token", False),
        (CheckKind.DUPLICATE_VALUES, "encrypt", True),
        (CheckKind.DUPLICATE_VALUES, "partial:2", True),
        (CheckKind.INVALID_VALUES, "hash", True),
        (CheckKind.MISSING_VALUES, "hash", True),
        (CheckKind.SQL, "null", False),
    ],
)
def test_checks_go_where_they_see_what_they_were_written_for(kind: CheckKind, action: str, clear: bool) -> None:
    about, other, whole = Check("1", kind, ("c",)), Check("2", kind, ("z",)), Check("3", CheckKind.ROW_COUNT)
    contract = people(Field("c", STRING), Field("z", STRING), checks=(about, other, whole))
    privacy = protect(contract, rule(action))
    assert privacy.clear_checks == ((about,) if clear else ())
    assert privacy.contract.checks == ((other, whole) if clear else (about, other, whole))


def test_whole_rows_are_compared_in_the_clear_once_a_column_is_protected() -> None:
    contract = people(Field("c", STRING), checks=(Check("1", CheckKind.DUPLICATE_VALUES),))
    assert protect(contract, rule("redact")).clear_checks == contract.checks
    assert protect(contract, rule("allow")).clear_checks == ()


# ---- properties, and tables that are there ----

MAIL = people(Field("email", STRING), Field("z", STRING), properties={"governance.owner": "o"})


def test_properties_name_the_key_and_the_actions_and_keep_bounds_out_of_manifests() -> None:
    privacy = protect(MAIL, rule("hash", name="email"))
    assert privacy.properties == {
        "privacy.key-id": KEY.id,
        "privacy.fields.email": "hash",
        "write.metadata.metrics.column.email": "none",
    }
    assert privacy.contract.properties == {"governance.owner": "o"} | privacy.properties
    assert MAIL.properties == {"governance.owner": "o"}


def test_an_unkeyed_action_names_no_key() -> None:
    assert protect(MAIL, rule("redact", name="email")).key_id == ""


def test_a_table_written_by_the_same_rules_is_accepted() -> None:
    privacy = protect(MAIL, rule("hash", name="email"))
    privacy.check_table({})
    privacy.check_table({"owner": "x"})
    privacy.check_table(privacy.properties)


def test_a_table_written_with_another_key_is_refused_unless_that_is_accepted() -> None:
    former = protect(MAIL, rule("hash", name="email"), key=OTHER_KEY).properties
    with pytest.raises(SettingsError, match=f"written with privacy key {OTHER_KEY.id}, and the key is now {KEY.id}"):
        protect(MAIL, rule("hash", name="email")).check_table(former)
    protect(MAIL, rule("hash", name="email"), accept_change=True).check_table(former)


def test_protection_does_not_end_or_change_unnoticed() -> None:
    former = protect(MAIL, rule("hash", name="email")).properties
    with pytest.raises(
        SettingsError, match="column 'email' is protected by 'hash', and the privacy rules now say 'allow'"
    ):
        protect(MAIL).check_table(former)
    with pytest.raises(SettingsError, match="now say 'partial:2'"):
        protect(MAIL, rule("partial:2", name="email")).check_table(former)
    protect(MAIL, rule("drop", name="email")).check_table(former)


def test_the_same_holds_inside_nested_columns() -> None:
    inner = Type(Kind.STRUCT, fields=(Field("a", STRING),))
    pairs = Type(Kind.MAP, key=STRING, item=Field("value", STRING))
    contract = people(Field("c", inner), Field("l", Type(Kind.LIST, item=Field("element", inner))), Field("m", pairs))
    former = protect(contract, rule("hash", path="*")).properties
    for column in ("c.a", "l.element.a", "m.key", "m.value"):
        stored_one = {f"privacy.fields.{column}": former[f"privacy.fields.{column}"]}
        with pytest.raises(SettingsError, match=f"column '{column}' is protected by 'hash'"):
            protect(contract).check_table(stored_one)


def test_a_new_protection_on_a_table_that_is_there_is_accepted() -> None:
    protect(MAIL, rule("hash", name="email")).check_table(protect(MAIL).properties)
