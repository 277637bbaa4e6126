"""Every action on every type, at every place a value can have."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pytest

from target_dativo_iceberg.contract.model import Field, Kind, Type
from target_dativo_iceberg.contract.privacy.protection import Privacy, decrypt
from target_dativo_iceberg.errors import ContractError
from tests.privacy.door import (
    KEY,
    STRING,
    VALUES,
    Value,
    accepted,
    hash_of,
    masked,
    people,
    protect,
    rule,
    stored,
    token_of,
)


def _tail(text: str) -> str:
    shown = min(3, len(text) // 2)
    return "***" + (text[-shown:] if shown else "")


SEALED: dict[str, Callable[[str], str]] = {
    "redact": lambda _: "[redacted]",
    "partial:3": _tail,
    "hash": hash_of,
    "token": token_of,
}


@dataclass(frozen=True)
class Place:
    """Where column `c` holds a value: its type around the value's, JSON around the value's, and the way back."""

    field: Callable[[Type], Field]
    json: Callable[[str], str]
    found: Callable[[Any], Any]


PLACES = {
    "column": Place(lambda t: Field("c", t), lambda v: v, lambda c: c),
    "member of a struct": Place(
        lambda t: Field("c", Type(Kind.STRUCT, fields=(Field("m", t),))),
        lambda v: f'{{"m": {v}}}',
        lambda c: c["m"],
    ),
    "element of a list": Place(
        lambda t: Field("c", Type(Kind.LIST, item=Field("element", t))),
        lambda v: f"[null, {v}]",
        lambda c: c[1],
    ),
    "value of a map": Place(
        lambda t: Field("c", Type(Kind.MAP, key=STRING, item=Field("value", t))),
        lambda v: f'{{"k": {v}}}',
        lambda c: dict(c).get("k"),
    ),
    "member of a struct in a list": Place(
        lambda t: Field("c", Type(Kind.LIST, item=Field("element", Type(Kind.STRUCT, fields=(Field("m", t),))))),
        lambda v: f'[{{"m": {v}}}]',
        lambda c: c[0]["m"],
    ),
}
# Map keys are protected with the values, so `k` is not found again; the actions on maps have tests of their own.
FLAT = {name: place for name, place in PLACES.items() if name != "value of a map"}

every_value = pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
every_place = pytest.mark.parametrize("place", FLAT.values(), ids=FLAT.keys())


def _protected(value: Value, place: Place, action: str, **extras: Any) -> Privacy:
    return protect(people(place.field(value.type)), rule(action, **extras))


def _record(value: Value, place: Place) -> str:
    return f'{{"c": {place.json(value.json)}}}'


@pytest.mark.parametrize("action", SEALED)
@every_place
@every_value
def test_a_sealed_value_is_what_its_text_gives(value: Value, place: Place, action: str) -> None:
    if value.type.kind is Kind.BOOLEAN and action == "partial:3":
        with pytest.raises(ContractError, match="a boolean, readable"):
            _protected(value, place, action)
        return
    privacy = _protected(value, place, action)
    (row,) = stored(privacy, _record(value, place))
    assert place.found(row["c"]) == SEALED[action](value.text)


@pytest.mark.parametrize("action", ["redact", "hash", "token"])
@every_place
@every_value
def test_a_rejected_record_holds_what_the_table_would(value: Value, place: Place, action: str) -> None:
    privacy = _protected(value, place, action)
    (row,) = stored(privacy, _record(value, place))
    assert masked(privacy, _record(value, place)) == row


@pytest.mark.parametrize("joinable", [False, True])
@every_place
@every_value
def test_an_encrypted_value_decrypts_to_its_text(value: Value, place: Place, joinable: bool) -> None:
    privacy = _protected(value, place, "encrypt", joinable=joinable)
    (row,) = stored(privacy, _record(value, place))
    sealed = place.found(row["c"])
    assert decrypt(sealed, KEY) == value.text
    assert len(value.text) < 6 or value.text not in sealed
    assert decrypt(place.found(masked(privacy, _record(value, place))["c"]), KEY) == value.text


@every_place
@every_value
def test_a_nulled_value_is_null_in_a_column_of_its_type(value: Value, place: Place) -> None:
    privacy = protect(people(place.field(value.type)), rule("null", path=["c", "c.m"]))
    batch = privacy.apply(accepted(privacy, [_record(value, place)]))
    assert batch.to_pylist() == [{"c": None}]
    assert batch.schema == accepted(privacy, [_record(value, place)]).schema
    assert masked(privacy, _record(value, place)) == {"c": None}


@every_place
@every_value
def test_a_dropped_column_is_in_no_row_and_no_rejected_record(value: Value, place: Place) -> None:
    privacy = protect(people(Field("id", Type(Kind.INTEGER)), place.field(value.type)), rule("drop"))
    record = f'{{"id": 1, "c": {place.json(value.json)}}}'
    assert stored(privacy, record) == [{"id": 1}] == [masked(privacy, record)]
    assert [f.name for f in privacy.contract.fields] == ["id"]


@every_place
@every_value
def test_an_allowed_value_stays(value: Value, place: Place) -> None:
    privacy = _protected(value, place, "allow")
    rows = accepted(privacy, [_record(value, place)])
    assert privacy.apply(rows).equals(rows)
    assert privacy.apply_record(_record(value, place).encode()) == _record(value, place).encode()
    assert privacy.contract == privacy.clear


@pytest.mark.parametrize("action", ["null", "redact", "hash", "token", "partial:3", "encrypt"])
@pytest.mark.parametrize("name", ["string", "integer", "decimal", "date", "timestamp", "json"])
def test_null_stays_null(name: str, action: str) -> None:
    privacy = _protected(VALUES[name], PLACES["column"], action)
    assert stored(privacy, '{"c": null}', "{}") == [{"c": None}, {"c": None}]
    assert masked(privacy, '{"c": null}') == {"c": None}


def test_partial_never_shows_more_than_half_nor_tells_the_length() -> None:
    privacy = protect(people(Field("c", STRING)), rule("partial:4"))
    texts = ["", "a", "ab", "abcd", "abcdefgh", "abcdefghijklmnop", "naïve-Ωmega"]
    rows = stored(privacy, *[json.dumps({"c": text}) for text in texts])
    assert [r["c"] for r in rows] == ["***", "***", "***b", "***cd", "***efgh", "***mnop", "***mega"]


def test_tokens_take_the_prefix_of_their_rule() -> None:
    privacy = protect(people(Field("c", STRING)), rule("token", prefix="cust-"))
    (row,) = stored(privacy, '{"c": "x"}')
    assert row["c"] == token_of("x").replace("tok_", "cust-")


def test_plain_encryption_never_gives_the_same_ciphertext_twice() -> None:
    privacy = protect(people(Field("c", STRING)), rule("encrypt"))
    sealed = [r["c"] for _ in range(2) for r in stored(privacy, *['{"c": "same"}'] * 50)]
    assert len(set(sealed)) == 100
    assert {decrypt(text, KEY) for text in sealed} == {"same"}


# ---- nested columns ----


def test_a_rule_about_a_struct_covers_its_members_and_a_rule_of_their_own_wins() -> None:
    street, city, zip_ = Field("street", STRING), Field("city", STRING), Field("zip", Type(Kind.INTEGER))
    home = Field("home", Type(Kind.STRUCT, fields=(street, city, zip_)), classification="pii")
    privacy = protect(
        people(home), rule("allow", path="home.city"), rule("drop", path="home.zip"), rule("hash", classification="pii")
    )
    (row,) = stored(privacy, '{"home": {"street": "s", "city": "c", "zip": 1}}')
    assert row == {"home": {"street": hash_of("s"), "city": "c"}}
    assert stored(privacy, '{"home": null}') == [{"home": None}]


def test_keys_and_values_of_a_map_are_protected() -> None:
    phones = Type(Kind.MAP, key=STRING, item=Field("value", Type(Kind.INTEGER)))
    privacy = protect(people(Field("c", phones)), rule("hash"))
    (row,) = stored(privacy, '{"c": {"home": 11, "work": null}}')
    assert row["c"] == [(hash_of("home"), hash_of("11")), (hash_of("work"), None)]
    assert masked(privacy, '{"c": {"home": 11}}') == {"c": {hash_of("home"): hash_of("11")}}


def test_keys_of_an_encrypted_map_stay_different() -> None:
    phones = Type(Kind.MAP, key=STRING, item=Field("value", STRING))
    privacy = protect(people(Field("c", phones)), rule("encrypt"))
    (first, second) = stored(privacy, '{"c": {"home": "a"}}', '{"c": {"home": "a"}}')
    ((key, value),), ((key_again, value_again),) = first["c"], second["c"]
    assert key == key_again
    assert value != value_again
    assert [decrypt(t, KEY) for t in (key, value)] == ["home", "a"]


@pytest.mark.parametrize("action", ["redact", "partial:2"])
def test_an_action_that_would_merge_map_keys_is_refused(action: str) -> None:
    phones = Type(Kind.MAP, key=STRING, item=Field("value", STRING))
    with pytest.raises(ContractError, match="would make different keys of map 'c' equal: use hash"):
        protect(people(Field("c", phones)), rule(action))


def test_a_classified_value_of_a_map_leaves_its_keys_alone() -> None:
    phones = Type(Kind.MAP, key=STRING, item=Field("value", STRING, classification="pii"))
    privacy = protect(people(Field("c", phones)), rule("redact", classification="pii"))
    assert stored(privacy, '{"c": {"home": "a"}}') == [{"c": [("home", "[redacted]")]}]


def test_empty_and_null_lists_and_maps_stay() -> None:
    texts = Type(Kind.LIST, item=Field("element", STRING))
    pairs = Type(Kind.MAP, key=STRING, item=Field("value", STRING))
    privacy = protect(people(Field("c", texts), Field("m", pairs)), rule("hash", path="*"))
    rows = stored(privacy, '{"c": [], "m": {}}', '{"c": null}', '{"c": ["a", null], "m": {"k": null}}')
    assert rows == [
        {"c": [], "m": []},
        {"c": None, "m": None},
        {"c": [hash_of("a"), None], "m": [(hash_of("k"), None)]},
    ]


def test_a_slice_of_a_batch_gives_the_rows_of_the_slice() -> None:
    texts = Type(Kind.LIST, item=Field("element", STRING))
    pairs = Type(Kind.MAP, key=STRING, item=Field("value", STRING))
    inner = Type(Kind.STRUCT, fields=(Field("c", texts), Field("m", pairs), Field("s", STRING)))
    privacy = protect(people(Field("x", inner), Field("y", STRING)), rule("hash", path="*"))
    records = [
        f'{{"x": {{"c": ["a{i}", "b"], "m": {{"k{i}": "v"}}, "s": "s{i}"}}, "y": "y{i}"}}' if i % 3 else '{"x": null}'
        for i in range(10)
    ]
    batch = accepted(privacy, records)
    for start, length in ((0, 10), (3, 4), (9, 1), (5, 0)):
        assert privacy.apply(batch.slice(start, length)).equals(privacy.apply(batch).slice(start, length))


def test_nothing_stays_behind_a_null_struct() -> None:
    inner = Type(Kind.STRUCT, fields=(Field("m", STRING), Field("z", STRING)))
    privacy = protect(people(Field("c", inner)), rule("hash", path="c.m"))
    texts = pa.array(["hidden", "shown"])
    column = pa.StructArray.from_arrays([texts, texts], ["m", "z"], mask=pa.array([True, False]))
    protected = privacy.apply(pa.RecordBatch.from_arrays([column], ["c"])).column(0)
    assert protected.field(0).to_pylist() == [None, hash_of("shown")]
    assert protected.field(1).to_pylist() == [None, "shown"]


def test_an_empty_batch_has_the_schema_of_the_table() -> None:
    contract = people(*(PLACES[p].field(v.type) for p in ("column",) for v in (VALUES["date"],)), Field("k", STRING))
    for action in ("redact", "hash", "token", "partial:3", "encrypt", "null"):
        privacy = protect(contract, rule(action))
        empty = accepted(privacy, ["{}"]).slice(0, 0)
        assert privacy.apply(empty).num_rows == 0
        assert privacy.apply(empty).schema.names == ["c", "k"]
        if action != "null":
            assert privacy.apply(empty).schema.field("c").type == pa.string()


def test_dropping_elements_or_every_member_is_refused() -> None:
    texts = Type(Kind.LIST, item=Field("element", STRING, classification="pii"))
    with pytest.raises(ContractError, match=r"single elements of 'c\[\]' cannot be dropped"):
        protect(people(Field("c", texts)), rule("drop", classification="pii"))
    inner = Type(Kind.STRUCT, fields=(Field("m", STRING),))
    with pytest.raises(ContractError, match="nothing would be left of 'c'"):
        protect(people(Field("c", inner)), rule("drop", path="c.m"))
    with pytest.raises(ContractError, match="privacy rules drop every column"):
        protect(people(Field("c", STRING)), rule("drop"))
