"""What is done to the text of a value: redact, cut, hash, replace by a token, encrypt; and back again.

Hash, token and joinable encryption give the same output for the same text under the same key, in every table and
run. Plain encryption never gives the same output twice.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from target_dativo_iceberg.contract.privacy.key import Key
from target_dativo_iceberg.errors import DativoError, SettingsError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV

REDACTED = "[redacted]"
TOKEN_PREFIX = "tok_"  # noqa: S105 - what tokens begin with
MASK = "***"
_BLOCK = 64
_TOKEN_BYTES = 16
# Put before every clear text under AES-SIV: `cryptography` up to 44 refuses to encrypt no bytes at all.
_LEAD = b"\x01"
_SALT_BYTES, _COUNT_BYTES, _NONCE_BYTES = 16, 4, 12
_SEALED = re.compile(r"(siv1|gcm1):([0-9a-f]{16}):([A-Za-z0-9+/]+={0,2})")

# Texts in, one column of texts out; null stays null.
Sealer = Callable[[pa.Array], pa.Array]


class ActionKind(StrEnum):
    """What can be done with a column."""

    ALLOW = "allow"
    DROP = "drop"
    NULL = "null"
    REDACT = "redact"
    HASH = "hash"
    TOKEN = "token"  # noqa: S105 - the name of an action
    PARTIAL = "partial"
    ENCRYPT = "encrypt"


@dataclass(frozen=True, slots=True)
class Action:
    """What is done with a column.

    Attributes:
        kind: the action.
        keep: for PARTIAL, characters at the end that stay, 1 to 32.
        prefix: for TOKEN, what tokens begin with.
        joinable: for ENCRYPT, equal values give equal ciphertexts (AES-SIV), else never (AES-GCM).
        drops_clear: for ENCRYPT into another column, the clear column goes instead of being null.

    """

    kind: ActionKind
    keep: int = 0
    prefix: str = TOKEN_PREFIX
    joinable: bool = False
    drops_clear: bool = False

    def __str__(self) -> str:
        """As table properties show it: `hash`, `partial:4`, `encrypt:siv`."""
        if self.kind is ActionKind.PARTIAL:
            return f"partial:{self.keep}"
        if self.kind is ActionKind.ENCRYPT:
            return "encrypt:siv" if self.joinable else "encrypt:gcm"
        return self.kind.value

    @property
    def keyed(self) -> bool:
        """Whether it needs the privacy key."""
        return self.kind in (ActionKind.HASH, ActionKind.TOKEN, ActionKind.ENCRYPT)

    @property
    def distinguishes(self) -> bool:
        """Whether equal values, and only they, give equal outputs: what keys and partitions need."""
        return self.kind in (ActionKind.HASH, ActionKind.TOKEN) or (self.kind is ActionKind.ENCRYPT and self.joinable)

    @property
    def repeats(self) -> bool:
        """Whether the output follows from the text, so that one value need be sealed only once."""
        return not (self.kind is ActionKind.ENCRYPT and not self.joinable)


def sealer(action: Action, key: Key | None) -> Sealer:
    """Return the function that seals texts.

    Args:
        action: REDACT, PARTIAL, HASH, TOKEN or ENCRYPT.
        key: None only if the action is not keyed.

    Raises:
        SettingsError: ENCRYPT, and the package `cryptography` is not installed.

    """
    if action.kind is ActionKind.REDACT:
        return lambda texts: pc.if_else(texts.is_valid(), REDACTED, pa.scalar(None, pa.string()))
    if action.kind is ActionKind.PARTIAL:
        return lambda texts: _by_text(texts, lambda text: _tail(text, action.keep))
    assert key is not None
    if action.kind is ActionKind.ENCRYPT:
        return _siv_sealer(key) if action.joinable else _gcm_sealer(key)
    digest, size = key.derive(action.kind.value.encode()), hashlib.sha256().digest_size
    if action.kind is ActionKind.HASH:
        return lambda texts: _hex_of(texts, digest, size)
    prefix = pa.scalar(action.prefix)
    return lambda texts: pc.binary_join_element_wise(prefix, _hex_of(texts, digest, _TOKEN_BYTES), "")


def _by_text(texts: pa.Array, seal: Callable[[str], str]) -> pa.Array:
    return pa.array([None if t is None else seal(t) for t in texts.to_pylist()], pa.string())


def _tail(text: str, keep: int) -> str:
    """The last characters, never more than half of them; what stands for the others does not tell how many."""
    shown = min(keep, len(text) // 2)
    return MASK + text[len(text) - shown :]


# ---- hash, token ----


def macs(key: bytes, texts: Iterable[bytes]) -> list[bytes]:
    """Return HMAC-SHA256 (RFC 2104) of each text.

    Args:
        key: at most 64 bytes.
        texts: what is authenticated.

    """
    # hmac.digest sets the key up anew for every text, which makes it 2.7 times slower.
    block = key.ljust(_BLOCK, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in block)).copy
    outer = hashlib.sha256(bytes(b ^ 0x5C for b in block)).copy
    found = []
    for text in texts:
        first, second = inner(), outer()
        first.update(text)
        second.update(first.digest())
        found.append(second.digest())
    return found


def _hex_of(texts: pa.Array, key: bytes, size: int) -> pa.Array:
    """Return the first `size` bytes of each text's MAC in hex; the texts are distinct and not null."""
    width, count = 2 * size, len(texts)
    digits = b"".join(mac[:size] for mac in macs(key, pieces(texts))).hex().encode()
    offsets = pa.array(range(0, width * count + 1, width), pa.int32())
    return pa.StringArray.from_buffers(count, offsets.buffers()[1], pa.py_buffer(digits))


def pieces(texts: pa.Array) -> list[bytes]:
    """Return texts as bytes; none of them is null."""
    if not len(texts):
        return []
    _, ends, data = texts.buffers()
    offsets = memoryview(ends).cast("i")[texts.offset : texts.offset + len(texts) + 1].tolist()
    whole = data.to_pybytes() if data is not None else b""
    return [whole[start:stop] for start, stop in pairwise(offsets)]


# ---- encrypt ----


def _ciphers() -> tuple[type[AESGCM], type[AESSIV]]:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV  # noqa: PLC0415 - an optional extra
    except ImportError:
        raise SettingsError(
            "privacy action 'encrypt' needs the package 'cryptography', which is not installed",
            "run: pip install 'target-dativo-iceberg[privacy]'",
        ) from None
    return AESGCM, AESSIV


def _siv_sealer(key: Key) -> Sealer:
    cipher = _siv(key)
    head = f"siv1:{key.id}:"

    def seal(texts: pa.Array) -> pa.Array:
        sealed = [head + base64.b64encode(cipher.encrypt(_LEAD + t, [b"siv1"])).decode() for t in pieces(texts)]
        return pa.array(sealed, pa.string())

    return seal


def _siv(key: Key) -> AESSIV:
    return _ciphers()[1](key.derive(b"encrypt siv", 64))


def _gcm_sealer(key: Key) -> Sealer:
    """Each column of each batch has a key of its own, from a random salt; its nonces are the values' numbers.

    Random nonces under one key would be safe for 2^32 values only, which a table reaches.
    """
    _ciphers()
    head = f"gcm1:{key.id}:"

    def seal(texts: pa.Array) -> pa.Array:
        salt = os.urandom(_SALT_BYTES)
        cipher = _gcm(key, salt)
        sealed: list[str | None] = []
        for number, text in enumerate(texts.to_pylist()):
            count = number.to_bytes(_COUNT_BYTES, "big")
            sealed.append(None if text is None else head + _gcm_text(cipher, salt, count, text.encode()))
        return pa.array(sealed, pa.string())

    return seal


def _gcm(key: Key, salt: bytes) -> AESGCM:
    return _ciphers()[0](key.derive(b"encrypt gcm " + salt))


def _gcm_text(cipher: AESGCM, salt: bytes, count: bytes, text: bytes) -> str:
    sealed = cipher.encrypt(count.rjust(_NONCE_BYTES, b"\0"), text, b"gcm1")
    return base64.b64encode(salt + count + sealed).decode()


# ---- and back ----


class DecryptError(DativoError):
    """A value cannot be decrypted: it is no ciphertext, was changed, or belongs to another key."""

    code = "decrypt"
    retryable = False
    cause = "A value that is to be read back is no ciphertext, was changed after it was encrypted, or has another key."
    data = "Nothing is changed: loads only encrypt. It comes up where `decrypt` is called."
    remedy = "Give the key that the message names; keys that were replaced are still needed for older rows."
    command = "python -c 'from target_dativo_iceberg.contract.privacy.protection import decrypt; help(decrypt)'"


def decrypt(value: str, *keys: Key) -> str:
    """Return the clear text of a value that action `encrypt` wrote.

    Args:
        value: the column's value, `siv1:…` or `gcm1:…`.
        keys: the keys that may have been used; the value names the one that was.

    Returns:
        The text of the clear value as docs/privacy.md describes it; for a text column the text itself.

    Raises:
        DecryptError: it is no ciphertext, was changed, or was encrypted with none of these keys.
        SettingsError: the package `cryptography` is not installed.

    """
    match = _SEALED.fullmatch(value)
    if match is None:
        raise DecryptError(
            "the value is not what action 'encrypt' writes", "give a value that begins with siv1: or gcm1:"
        )
    how, key_id, body = match.groups()
    key = next((k for k in keys if k.id == key_id), None)
    if key is None:
        raise DecryptError(f"the value was encrypted with key {key_id}", "give that key")
    return _opened(how, key, body)


def _opened(how: str, key: Key, body: str) -> str:
    _ciphers()
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - an optional extra

    try:
        data = base64.b64decode(body, validate=True)
        return (_siv_opened(key, data) if how == "siv1" else _gcm_opened(key, data)).decode()
    except (InvalidTag, ValueError, binascii.Error):
        raise DecryptError("the value was changed after it was encrypted", "read it again from its table") from None


def _siv_opened(key: Key, data: bytes) -> bytes:
    return _siv(key).decrypt(data, [b"siv1"]).removeprefix(_LEAD)


def _gcm_opened(key: Key, data: bytes) -> bytes:
    salt, rest = data[:_SALT_BYTES], data[_SALT_BYTES:]
    count, sealed = rest[:_COUNT_BYTES], rest[_COUNT_BYTES:]
    return _gcm(key, salt).decrypt(count.rjust(_NONCE_BYTES, b"\0"), sealed, b"gcm1")
