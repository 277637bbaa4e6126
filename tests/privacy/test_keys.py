"""The key: its forms, its refusals, and that outputs follow from it alone."""

from __future__ import annotations

import base64
import json
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from target_dativo_iceberg.contract.model import Field, Kind, Type
from target_dativo_iceberg.contract.privacy.key import hkdf
from target_dativo_iceberg.contract.privacy.protection import DecryptError, Key, decrypt, load_key, read_key
from target_dativo_iceberg.contract.privacy.seal import macs
from target_dativo_iceberg.errors import SettingsError
from tests.privacy.door import (
    KEY,
    OTHER_KEY,
    STRING,
    accepted,
    derived,
    hash_of,
    people,
    protect,
    rule,
    stored,
    token_of,
)

HEX = bytes(range(32)).hex()
DOCS = Path(__file__).parents[2] / "docs" / "privacy.md"


def test_derivation_is_the_one_of_rfc_5869() -> None:
    # Appendix A.1 and A.3 of the RFC.
    material = bytes.fromhex("0b" * 22)
    assert hkdf(material, bytes(range(13)), bytes(range(0xF0, 0xFA)), 42).hex() == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )
    assert hkdf(material, b"", b"", 42).hex() == (
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    )


def test_authentication_is_the_one_of_rfc_4231() -> None:
    # Test cases 1 and 2 of the RFC.
    assert macs(bytes.fromhex("0b" * 20), [b"Hi There"])[0].hex() == (
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    )
    assert macs(b"Jefe", [b"what do ya want for nothing?"])[0].hex() == (
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


def test_the_keys_of_purposes_are_derived_as_documented() -> None:
    assert KEY.derive(b"hash") == derived(b"hash")
    assert len({KEY.derive(p) for p in (b"hash", b"token", b"key id", b"encrypt siv")}) == 4


@pytest.mark.parametrize(
    "text",
    [HEX, HEX.upper(), f"  {HEX}\n", base64.b64encode(bytes(range(32))).decode(), f"{HEX[:20]}\n{HEX[20:]}"],
    ids=["hex", "upper hex", "spaces", "base64", "lines"],
)
def test_the_forms_of_a_key_are_one_key(text: str) -> None:
    assert read_key(text, "here") == KEY


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("correct horse battery staple", "neither hex nor base64"),
        ("pässwörd", "neither hex nor base64"),
        ("", "shorter than 32 bytes"),
        (HEX[:62], "shorter than 32 bytes"),
        ("00" * 32, "not random"),
        ("0123456789abcdef" * 4, "not random"),
    ],
)
def test_a_text_that_is_no_strong_key_is_refused_without_showing_it(text: str, problem: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read_key(text, "environment variable X")
    message = str(raised.value)
    assert message.startswith(f"the privacy key in environment variable X is {problem}")
    assert "openssl rand -hex 32" in message
    assert not text or text not in message
    assert raised.value.__cause__ is None


def test_a_key_shows_only_its_id() -> None:
    assert repr(KEY) == f"Key({KEY.id})"
    assert re.fullmatch("[0-9a-f]{16}", KEY.id)
    assert KEY.id != OTHER_KEY.id
    assert HEX not in repr(KEY)


def test_a_key_comes_from_the_variable_the_file_or_the_setting(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{HEX}\n")
    other = OTHER_KEY.material.hex()
    assert load_key({}) is None
    assert load_key({"DATIVO_PRIVACY_KEY": ""}) is None
    assert load_key({"DATIVO_PRIVACY_KEY": HEX}) == KEY
    assert load_key({"DATIVO_PRIVACY_KEY": other, "MINE": HEX}, env="MINE") == KEY
    assert load_key({"DATIVO_PRIVACY_KEY": other}, file=str(file)) == KEY
    assert load_key({"DATIVO_PRIVACY_KEY": other}, secret=HEX) == KEY
    with pytest.raises(SettingsError, match="both 'privacy_key' and 'key_file' of 'privacy' give a key: set one"):
        load_key({}, file=str(file), secret=HEX)


def test_a_key_file_that_cannot_be_read_is_named_by_its_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"'key_file' of 'privacy' cannot be read \(No such file or directory\)"):
        load_key({}, file=str(tmp_path / "none"))
    (tmp_path / "junk").write_bytes(b"\x00\xff" * 100)
    with pytest.raises(SettingsError, match="the file named by 'key_file' is neither hex nor base64"):
        load_key({}, file=str(tmp_path / "junk"))


# ---- the same in, the same out ----


def test_equal_values_are_equal_across_runs_tables_and_types() -> None:
    first = protect(people(Field("c", Type(Kind.INTEGER))), rule("hash"))
    kinds = [Type(Kind.INTEGER, bits=32), Type(Kind.DECIMAL, precision=9, scale=3), Type(Kind.DOUBLE), STRING]
    sealed = {stored(first, '{"c": 4711}')[0]["c"]}
    for type_, text in zip(kinds, ("4711", "4711.000", "4711.0", '"4711"'), strict=True):
        other = protect(people(Field("ref", type_)), rule("hash", path="ref"), key=Key(bytes(range(32))))
        sealed.add(stored(other, f'{{"ref": {text}}}')[0]["ref"])
    assert sealed == {hash_of("4711")}


@pytest.mark.parametrize(("action", "extras"), [("hash", {}), ("token", {}), ("encrypt", {"joinable": True})])
def test_joinable_actions_repeat_and_depend_on_the_key(action: str, extras: dict[str, bool]) -> None:
    def sealed(key: Key, text: str) -> str:
        privacy = protect(people(Field("c", STRING)), rule(action, **extras), key=key)
        return str(stored(privacy, f'{{"c": "{text}"}}')[0]["c"])

    assert sealed(KEY, "a") == sealed(KEY, "a")
    assert len({sealed(k, t) for k in (KEY, OTHER_KEY) for t in ("a", "A", "a ")}) == 6


def test_threads_share_one_privacy() -> None:
    fields = [Field(n, STRING) for n in ("h", "s", "g")]
    rules = (rule("hash", name="h"), rule("encrypt", name="s", joinable=True), rule("encrypt", name="g"))
    privacy = protect(people(*fields), *rules)
    lines = [json.dumps(dict.fromkeys("hsg", f"v{n}")) for n in range(2000)]
    batch = accepted(privacy, lines)
    alone = privacy.apply(batch).to_pydict()
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(privacy.apply, [batch] * 8):
            assert found.to_pydict()["h"] == alone["h"]
            assert found.to_pydict()["s"] == alone["s"]
            assert [decrypt(v, KEY) for v in found.to_pydict()["g"][::100]] == [f"v{n}" for n in range(0, 2000, 100)]


def test_the_documented_examples_are_what_comes_out() -> None:
    text = DOCS.read_text()
    privacy = protect(
        people(*(Field(n, STRING) for n in ("h", "t", "s"))),
        rule("hash", path="h"),
        rule("token", path="t"),
        rule("encrypt", path="s", joinable=True),
    )
    (row,) = stored(privacy, '{"h": "alice@example.com", "t": "alice@example.com", "s": "alice@example.com"}')
    assert row["h"] == hash_of("alice@example.com")
    assert row["t"] == token_of("alice@example.com")
    for shown in (HEX, KEY.id, *row.values()):
        assert str(shown) in text


# ---- decrypting ----


def _sealed(text: str, **extras: bool) -> str:
    privacy = protect(people(Field("c", STRING)), rule("encrypt", **extras))
    return str(stored(privacy, f'{{"c": "{text}"}}')[0]["c"])


@pytest.mark.parametrize("joinable", [False, True])
def test_decrypt_picks_the_right_key_and_refuses_others(joinable: bool) -> None:
    sealed = _sealed("clear", joinable=joinable)
    assert decrypt(sealed, OTHER_KEY, KEY) == "clear"
    with pytest.raises(DecryptError, match=f"the value was encrypted with key {KEY.id}: give that key"):
        decrypt(sealed, OTHER_KEY)
    forged = sealed.replace(KEY.id, OTHER_KEY.id)
    with pytest.raises(DecryptError, match="the value was changed after it was encrypted"):
        decrypt(forged, OTHER_KEY)


@pytest.mark.parametrize("joinable", [False, True])
def test_decrypt_refuses_every_changed_byte_and_every_cut(joinable: bool) -> None:
    sealed = _sealed("clear text", joinable=joinable)
    head, body = sealed[:22], base64.b64decode(sealed[22:])
    changed = [body[:i] + bytes([body[i] ^ 1]) + body[i + 1 :] for i in range(len(body))]
    for data in (*changed, *(body[:i] for i in range(1, len(body)))):
        with pytest.raises(DecryptError):
            decrypt(head + base64.b64encode(data).decode(), KEY)


@pytest.mark.parametrize("joinable", [False, True])
def test_the_two_modes_are_not_taken_for_each_other(joinable: bool) -> None:
    sealed = _sealed("clear", joinable=joinable)
    swapped = ("gcm1" if joinable else "siv1") + sealed[4:]
    with pytest.raises(DecryptError, match="the value was changed"):
        decrypt(swapped, KEY)


@pytest.mark.parametrize("value", ["", "clear", "siv1:", "siv2:27f0a394dd0cdcf9:AAAA", "gcm1:27f0a394dd0cdcf9:A A"])
def test_decrypt_refuses_what_is_no_ciphertext(value: str) -> None:
    with pytest.raises(DecryptError, match="the value is not what action 'encrypt' writes"):
        decrypt(value, KEY)


def test_without_cryptography_only_encrypt_fails_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    for action in ("hash", "token", "partial:3", "redact"):
        protect(people(Field("c", STRING)), rule(action))
    for extras in ({}, {"joinable": True}):
        with pytest.raises(SettingsError, match=r"pip install 'target-dativo-iceberg\[privacy\]'"):
            protect(people(Field("c", STRING)), rule("encrypt", **extras))
    with pytest.raises(SettingsError, match=r"pip install 'target-dativo-iceberg\[privacy\]'"):
        decrypt("siv1:27f0a394dd0cdcf9:AAAA", KEY)


@pytest.mark.parametrize("action", ["hash", "token", "encrypt"])
def test_a_keyed_rule_without_a_key_names_the_column_and_the_variable(action: str) -> None:
    with pytest.raises(SettingsError) as raised:
        protect(people(Field("c", STRING)), rule(action), key=None, key_env="MY_KEY")
    assert str(raised.value).startswith(f"object 'people': action '{action}' of 'c' (rule 1) needs a privacy key")
    assert "MY_KEY" in str(raised.value)


def test_unkeyed_actions_need_no_key() -> None:
    privacy = protect(people(Field("c", STRING)), rule("redact"), key=None)
    assert stored(privacy, '{"c": "x"}') == [{"c": "[redacted]"}]
    assert privacy.key_id == ""
    assert "privacy.key-id" not in privacy.properties
