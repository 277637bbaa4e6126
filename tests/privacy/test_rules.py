"""Rules: how they are written, what they match, who wins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from target_dativo_iceberg.contract import reader
from target_dativo_iceberg.contract.model import Contract, Field, Kind, Type
from target_dativo_iceberg.contract.privacy.protection import Privacy, compile_privacy, property_policies, read_rules
from target_dativo_iceberg.contract.reading.document import Place
from target_dativo_iceberg.errors import ContractError, SettingsError
from tests.privacy.door import KEY, STRING, people, protect, rule

INNER = Type(Kind.STRUCT, fields=(Field("email", STRING, tags=("pii:email",)), Field("floor", Type(Kind.INTEGER))))
CONTRACT = people(
    Field("id", Type(Kind.INTEGER)),
    Field("email", STRING, classification="pii"),
    Field("salary", STRING, classification="confidential"),
    Field("home", INNER),
    Field("orders", Type(Kind.LIST, item=Field("element", INNER))),
)


def _columns(*rules: dict[str, Any], contract: Contract = CONTRACT) -> dict[str, str]:
    return dict(protect(contract, *rules).protected)


# ---- matching ----


@pytest.mark.parametrize(
    ("match", "columns"),
    [
        ({"classification": "pii"}, {"email"}),
        ({"classification": ["PII", "confidential"]}, {"email", "salary"}),
        ({"classification": "*i*"}, {"email", "salary"}),
        ({"tags": "pii:email"}, {"home.email", "orders.element.email"}),
        ({"tags": "pii:*"}, {"home.email", "orders.element.email"}),
        ({"name": "email"}, {"email", "home.email", "orders.element.email"}),
        ({"name": "E*L"}, {"email", "home.email", "orders.element.email"}),
        ({"path": "home.email"}, {"home.email"}),
        ({"path": "orders[].email"}, {"orders.element.email"}),
        ({"path": "orders.email"}, {"orders.element.email"}),
        ({"path": "*.email"}, {"home.email", "orders.element.email"}),
        ({"path": "home"}, {"home.email", "home.floor"}),
        ({"name": "email", "classification": "pii"}, {"email"}),
        ({"name": "email", "object": "people"}, {"email", "home.email", "orders.element.email"}),
        ({"name": "email", "object": "pe*"}, {"email", "home.email", "orders.element.email"}),
        ({"name": "email", "object": "orders"}, set()),
        ({"name": "mail"}, set()),
        ({"name": "."}, set()),
    ],
)
def test_a_rule_matches_by_all_that_it_gives(match: dict[str, Any], columns: set[str]) -> None:
    assert _columns({"match": match, "action": "hash"}) == dict.fromkeys(columns, "hash")


def test_a_name_is_that_of_a_column_not_of_the_parts_of_a_list_or_map() -> None:
    pairs = Type(Kind.MAP, key=STRING, item=Field("value", STRING))
    contract = people(Field("m", pairs), Field("l", Type(Kind.LIST, item=Field("element", STRING))))
    assert _columns(rule("hash", name=["value", "element", "key"]), contract=contract) == {}
    assert _columns(rule("hash", name="l"), contract=contract) == {"l.element": "hash"}


def test_the_first_rule_that_matches_decides() -> None:
    assert _columns(rule("hash", path="home.email"), rule("redact", name="email")) == {
        "email": "redact",
        "home.email": "hash",
        "orders.element.email": "redact",
    }


def test_the_rules_that_matched_are_named() -> None:
    privacy = protect(CONTRACT, rule("hash", name="none"), rule("hash", name="email"), rule("redact", path="email"))
    assert privacy.used == {"rule 2"}


# ---- what is written ----


@pytest.mark.parametrize("value", [None, {}, [], "[]", "{}"])
def test_no_rules_protect_nothing(value: Any) -> None:
    privacy = compile_privacy(CONTRACT, read_rules(value), None)
    assert privacy.contract is privacy.clear is CONTRACT
    assert privacy.protected == privacy.properties == {}


def test_a_list_an_object_and_their_json_are_the_same_setting() -> None:
    rules = [rule("partial:4", name="email")]
    forms = [rules, {"rules": rules}, json.dumps(rules), json.dumps({"rules": rules})]
    assert len({str(read_rules(form)) for form in forms}) == 1


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{", "it is not JSON"),
        ("3", "the setting is not an object"),
        ({"rule": []}, "the setting has an unknown key 'rule': did you mean 'rules'?"),
        ({"key": "k"}, "the setting has an unknown key 'key'"),
        ({"rules": {}}, "'rules' is not a list"),
        ({"rules": ["hash"]}, "rule 1 is not an object"),
        ([{"action": "hash"}], "rule 1 has no 'match'"),
        ([{"match": {}, "action": "hash"}], "rule 1 has no 'match'"),
        ([{"match": "email", "action": "hash"}], "'match' of rule 1 is not an object"),
        ([{"match": {"column": "c"}, "action": "hash"}], "'match' of rule 1 has an unknown key 'column'"),
        ([{"match": {"name": []}, "action": "hash"}], "'name' of rule 1 is not a text or a list of texts"),
        ([{"match": {"name": 5}, "action": "hash"}], "'name' of rule 1 is not a text or a list of texts"),
        ([{"match": {"name": " "}, "action": "hash"}], "'name' of rule 1 is not a text or a list of texts"),
        ([{"match": {"name": "c"}}], "rule 1 has an unknown action"),
        ([{"match": {"name": "c"}, "action": "hsah"}], "rule 1 has an unknown action: did you mean 'hash'?"),
        ([{"match": {"name": "c"}, "action": 5}], "rule 1 has an unknown action"),
        ([{"match": {"name": "c"}, "action": "hash:4"}], "rule 1 has an unknown action"),
        ([{"match": {"name": "c"}, "action": "partial"}], "rule 1 does not say how many characters stay"),
        ([{"match": {"name": "c"}, "action": "partial:0"}], "rule 1 does not say how many characters stay"),
        ([{"match": {"name": "c"}, "action": "partial:33"}], "rule 1 does not say how many characters stay"),
        ([{"match": {"name": "c"}, "action": "partial:²"}], "rule 1 does not say how many characters stay"),
        ([rule("hash", joinable=True)], "rule 1 has 'joinable', which belongs to action encrypt"),
        ([rule("encrypt", joinable="yes")], "'joinable' of rule 1 is not a boolean"),
        ([rule("encrypt", clear="keep")], "'clear' of rule 1 has an unknown value: use one of null, drop"),
        ([rule("token", prefix="a b")], "'prefix' of rule 1 is not a text of the right form"),
        ({"quarantine": "none"}, "'quarantine' of the setting has an unknown value: use one of declared, all, keys"),
        ({"key_env": "my-key"}, "'key_env' of the setting is not a text of the right form"),
        ({"key_file": 3}, "'key_file' of the setting is not a text of the right form"),
        ({"accept_change": "yes"}, "'accept_change' of the setting is not a boolean"),
    ],
)
def test_a_setting_that_cannot_be_read_is_refused(value: Any, message: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read_rules(value)
    assert str(raised.value).startswith(f"setting 'privacy': {message}")


@pytest.mark.parametrize(
    "key", [bytes(range(32)).hex(), bytes(range(160, 192)).hex(), "Zm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyYWI="]
)
def test_a_key_given_as_the_name_of_its_variable_is_not_shown(key: str) -> None:
    for text in (key, key.upper(), key.lower()):
        with pytest.raises(SettingsError) as raised:
            protect(CONTRACT, rule("hash", name="email"), key=None, key_env=text)
        assert text not in str(raised.value)


def test_null_is_an_action_and_a_way_to_leave_the_clear_column() -> None:
    assert _columns({"match": {"name": "salary"}, "action": None}) == {"salary": "null"}
    read_rules([rule("encrypt", clear=None, joinable=None)])


# ---- classified columns without a rule ----


def test_a_classified_column_without_a_rule_is_written_with_one_warning() -> None:
    privacy = protect(CONTRACT, rule("allow", name="salary"))
    assert privacy.protected == {}
    (warning,) = privacy.warnings
    assert warning == (
        "object 'people': no privacy rule covers 'email', 'home.email', 'orders[].email', classified as restricted, "
        "confidential or pii; written in the clear (add a rule, or one with action allow)"
    )


def test_require_privacy_rule_refuses_it() -> None:
    rules = read_rules([rule("hash", name="email")])
    with pytest.raises(ContractError, match="no privacy rule covers 'salary', classified as"):
        compile_privacy(CONTRACT, rules, KEY, require_rule=True)
    allowed = read_rules([rule("hash", name="email"), rule("allow", name="salary")])
    assert compile_privacy(CONTRACT, allowed, KEY, require_rule=True).warnings == ()


@pytest.mark.parametrize(
    "field",
    [
        Field("c", STRING, classification="restricted"),
        Field("c", STRING, tags=("x", "PII")),
        Field("c", STRING, encrypted_name="c_enc"),
    ],
)
def test_what_asks_for_a_rule(field: Field) -> None:
    assert protect(people(field)).warnings
    assert not protect(people(field), rule("redact")).warnings


def test_a_classified_member_of_a_protected_column_asks_for_no_rule_of_its_own() -> None:
    inner = Type(Kind.STRUCT, fields=(Field("m", STRING, classification="pii"),))
    assert not protect(people(Field("c", inner)), rule("hash", path="c")).warnings


@pytest.mark.parametrize(
    "field", [Field("email", STRING), Field("c", STRING, classification="public", tags=("piinot",))]
)
def test_what_does_not_ask_for_a_rule(field: Field) -> None:
    assert not protect(people(field)).warnings


# ---- rules in contracts ----

HEAD = "apiVersion: v3.1.0\nkind: DataContract\nid: i\nversion: 1.0.0\nstatus: active\nschema:\n- name: people\n"
PROPERTIES = """  properties:
  - name: email
    logicalType: string
    classification: pii
    customProperties: [{property: dativo.privacy, value: "partial:2"}]
  - name: home
    logicalType: object
    properties:
    - name: street
      logicalType: string
      customProperties: [{property: dativo.privacy, value: {action: encrypt, joinable: true}}]
  - name: phones
    logicalType: array
    items:
      logicalType: string
      customProperties: [{property: dativo.privacy, value: token}]
  - name: id
    logicalType: integer
"""
OBJECT = """  customProperties:
  - property: dativo.privacy
    value:
    - {match: {name: id}, action: hash}
    - {match: {classification: pii}, action: redact}
"""


def _read(tmp_path: Path, text: str) -> Contract:
    """A contract as `load` gives it once `compile` adds the policies of properties."""
    file = tmp_path / "people.yaml"
    file.write_text(text)
    document = reader.read(file)
    (table,) = Place(document.canonical.root, str(file)).children("schema")
    (contract,) = document.compiled.contracts
    contract.policies.update(property_policies(table))
    return contract


def test_a_contract_carries_rules_on_properties_and_objects(tmp_path: Path) -> None:
    contract = _read(tmp_path, HEAD + OBJECT + PROPERTIES)
    assert protect(contract).protected == {
        "email": "partial:2",
        "home.street": "encrypt:siv",
        "phones.element": "token",
        "id": "hash",
    }


def test_settings_rules_go_before_the_contracts_and_default_ones_after(tmp_path: Path) -> None:
    contract = _read(tmp_path, HEAD + PROPERTIES)
    firm = rule("hash", classification="pii")
    loose = rule("hash", path="*", default=True)
    assert protect(contract, firm).protected["email"] == "hash"
    assert protect(contract, loose).protected == {
        "email": "partial:2",
        "home.street": "encrypt:siv",
        "phones.element": "token",
        "id": "hash",
    }


def test_a_wrong_action_in_a_contract_is_shown_with_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(ContractError) as raised:
        _read(tmp_path, HEAD + PROPERTIES.replace('"partial:2"', "hide"))
    assert f"{tmp_path}/people.yaml:12: dativo.privacy has an unknown action" in str(raised.value)


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"rules": [], "key_file": "/etc/passwd"}, "dativo.privacy has an unknown key 'key_file'"),
        ("hash", "'rules' is not a list"),
        (
            [rule("hash", path="emial")],
            "dativo.privacy, rule 1 names 'emial', which is no column of it: did you mean 'email'?",
        ),
        ([rule("hash", path="home.emial")], "which is no column of it: did you mean 'home.email'?"),
        ([rule("hash", name="id", default=True)], "which only a rule of the settings can be"),
    ],
)
def test_a_contracts_rule_that_cannot_hold_is_refused(policy: Any, message: str) -> None:
    contract = people(*CONTRACT.fields, source="c.yaml", policies={"privacy": policy})
    with pytest.raises(ContractError) as raised:
        protect(contract)
    assert str(raised.value).startswith("c.yaml: object 'people': ")
    assert message in str(raised.value)


def test_a_rule_of_the_settings_may_name_columns_that_one_contract_lacks() -> None:
    privacy: Privacy = protect(CONTRACT, rule("hash", path="elsewhere"))
    assert privacy.used == frozenset()
