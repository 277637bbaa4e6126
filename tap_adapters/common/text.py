"""Bytes to text: encodings by name, and the byte order marks that go before them."""

from __future__ import annotations

import codecs

from tap_adapters.common.errors import SettingsError

BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16 LE, whose mark is a prefix of this one
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def codec_of(head: bytes, encoding: str) -> tuple[str, int]:
    """Return the encoding that the first bytes of a text mean, `encoding` without a mark, and the mark's length."""
    return next(((codec, len(mark)) for mark, codec in BOMS if head.startswith(mark)), (encoding, 0))


def encoding_named(name: str | None, place: str) -> str:
    """Return Python's name of an encoding (utf-8 if none is named); SettingsError if there is no such."""
    try:
        codec = codecs.lookup(name or "utf-8").name
        "".encode(codec)
    except (LookupError, UnicodeError) as error:
        raise SettingsError(f"Setting '{place}.encoding' is not the name of a text encoding.") from error
    return "utf-8" if codec == "utf-8-sig" else codec
