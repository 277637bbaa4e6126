"""The privacy key: where it comes from, its id, and the keys for single purposes that are derived from it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from target_dativo_iceberg.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY_ENV = "DATIVO_PRIVACY_KEY"
_SALT = b"target-dativo-iceberg privacy 1"
_SHORTEST = 32
_LONGEST_FILE = 4096
# 32 random bytes with fewer distinct ones than this do not happen; typed ones do.
_FEWEST_DISTINCT = 12
_MAKE_ONE = "make one with `openssl rand -hex 32`"


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """Secret bytes, at least 32. Neither `repr` nor `id` tells them.

    Raises:
        SettingsError: there are too few bytes, or they are not random.

    """

    material: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.material) < _SHORTEST:
            raise SettingsError("the privacy key is shorter than 32 bytes", _MAKE_ONE)
        if len(set(self.material)) < _FEWEST_DISTINCT:
            raise SettingsError("the privacy key is not random", _MAKE_ONE)

    def __repr__(self) -> str:
        """Only the id."""
        return f"Key({self.id})"

    @property
    def id(self) -> str:
        """Fingerprint of the key, 16 hex digits: tells keys apart, and nothing about them."""
        return self.derive(b"key id", 8).hex()

    def derive(self, purpose: bytes, length: int = 32) -> bytes:
        """Return the key of one purpose; keys of different purposes tell nothing about each other (RFC 5869)."""
        return hkdf(self.material, _SALT, purpose, length)


def hkdf(material: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """Return `length` bytes derived from `material` by HKDF-SHA256 (RFC 5869)."""
    extracted = hmac.digest(salt, material, "sha256")
    block, found = b"", b""
    for counter in range(1, -(-length // hashlib.sha256().digest_size) + 1):
        block = hmac.digest(extracted, block + info + bytes([counter]), "sha256")
        found += block
    return found[:length]


def read_key(text: str, where: str) -> Key:
    """Return the key that a text spells: hex if it has hex digits only, else base64; at least 32 bytes.

    Args:
        text: as it stands in the environment, a file or a setting.
        where: names its place in messages.

    Raises:
        SettingsError: it is neither, too short, or not random.

    """
    stripped = "".join(text.split())
    try:
        return Key(_bytes_of(stripped))
    except (binascii.Error, ValueError):
        problem, hint = "neither hex nor base64", _MAKE_ONE
    except SettingsError as error:
        problem, hint = error.message.removeprefix("the privacy key is "), error.hint
    raise SettingsError(f"the privacy key in {where} is {problem}", hint)


def _bytes_of(text: str) -> bytes:
    if all(c in "0123456789abcdefABCDEF" for c in text):
        return bytes.fromhex(text)
    return base64.b64decode(text, validate=True)


def load_key(
    environ: Mapping[str, str], *, env: str = KEY_ENV, file: str = "", secret: str | None = None
) -> Key | None:
    """Return the key of a run, or None when there is none.

    Args:
        environ: the process's environment.
        env: name of the variable that holds the key.
        file: path of a file that holds it; read instead of the variable.
        secret: the value of setting `privacy_key`; used instead of both.

    Raises:
        SettingsError: what is there is no key, the file cannot be read, or two settings give one.

    """
    if secret and file:
        raise SettingsError("both 'privacy_key' and 'key_file' of 'privacy' give a key", "set one of them")
    if secret:
        return read_key(secret, "setting 'privacy_key'")
    if file:
        return read_key(_text_of(Path(file)), "the file named by 'key_file'")
    return read_key(environ[env], f"environment variable {env}") if environ.get(env) else None


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as opened:
            return opened.read(_LONGEST_FILE).decode("ascii", "replace")
    except OSError as error:
        message = f"the file named by 'key_file' of 'privacy' cannot be read ({error.strerror})"
        raise SettingsError(message, "check the path and its rights") from None
