"""Lint of a contract that costs next to nothing: unknown words, words newer than the version, doubtful columns."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from target_dativo_iceberg.contract.model import Contract, Field, Kind, Note
from target_dativo_iceberg.contract.reading import vocabulary as words
from target_dativo_iceberg.contract.reading.document import Block, Items, Place, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

_MONEY = frozenset({
    "amount", "price", "cost", "total", "subtotal", "balance", "revenue", "fee", "fees", "salary", "wage", "tax",
    "vat", "discount", "payment", "payout", "charge", "refund", "money", "premium",
})  # fmt: skip
_PERSONAL = frozenset({
    "email", "mail", "phone", "mobile", "ssn", "passport", "birth", "birthdate", "birthday", "dob", "iban",
    "surname", "firstname", "lastname", "address", "street", "postcode", "zip", "ip",
})  # fmt: skip
_PERSONAL_PAIRS = frozenset({("first", "name"), ("last", "name"), ("full", "name"), ("credit", "card")})
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")


# ---- words of the document ----


def unknown_words(root: Place, version: tuple[int, int], *, dativo: bool, flat: bool) -> list[Note]:
    """Return a note for each key that ODCS (and, where it applies, dativo's extension) does not have.

    Args:
        root: the document; an `asset:` wrapper is already removed.
        version: ODCS version it declares; words that came later are noted once each.
        dativo: it is in one of dativo's forms, so their keys are expected.
        flat: `schema` lists columns, not objects.

    """
    survey = _Survey(version)
    survey.root(root, dativo=dativo, flat=flat)
    return survey.notes


class _Survey:
    """Walks the parts of a document that the target enforces; wrong shapes are left to their readers."""

    def __init__(self, version: tuple[int, int]) -> None:
        self.notes: list[Note] = []
        self._version = version
        self._newer: set[str] = set()

    def root(self, root: Place, *, dativo: bool, flat: bool) -> None:
        known = words.ROOT | words.DATIVO
        self._keys(root, known, "root")
        for key in sorted(words.DATIVO & root.block.keys()) if not dativo else ():
            self.notes.append(root.note(f"'{key}' is not part of ODCS; it is read as dativo's extension", key))
        if isinstance(root.block.get("team"), Block) and not dativo:
            self._since(root, "team", (3, 1), "'team' as a mapping")
        for place in _mappings(root, "schema"):
            self._property(place, flat=True) if flat else self._object(place)

    def _object(self, place: Place) -> None:
        self._keys(place, words.OBJECT, "object")
        self._below(place)

    def _property(self, place: Place, *, flat: bool = False) -> None:
        known = words.PROPERTY | words.ALL_OPTIONS | {"type"} if flat else words.PROPERTY
        self._keys(place, known, "property")
        logical = place.block.get("logicalType")
        if isinstance(logical, str) and logical in words.SINCE["logicalType"]:
            self._since(place, "logicalType", words.SINCE["logicalType"][logical], f"logicalType '{logical}'")
        self._options(place, logical)
        self._below(place)

    def _options(self, place: Place, logical: Any) -> None:
        options = place.block.get("logicalTypeOptions")
        if isinstance(options, Block):
            known = words.OPTIONS.get(logical, words.ALL_OPTIONS) if isinstance(logical, str) else words.ALL_OPTIONS
            # Three words have rewrites with a note of their own.
            known = known | {"precision", "scale", "enum"}
            self._keys(Place(options, place.source, place.where("logicalTypeOptions")), known, "options")

    def _below(self, place: Place) -> None:
        for member in _mappings(place, "properties"):
            self._property(member)
        for rule in _mappings(place, "quality"):
            known = words.QUALITY | words.ARGUMENTS
            self._keys(rule, known | rule.block.keys() if _is_range(rule) else known, "quality")
        for owner, key in ((place, "items"), (_child(place, "map"), "key"), (_child(place, "map"), "value")):
            part = owner and _child(owner, key)
            if part:
                self._property(part)

    def _keys(self, place: Place, known: frozenset[str] | set[str], level: str) -> None:
        since = words.SINCE.get(level, {})
        for key in place.block:
            if key in since:
                self._since(place, key, since[key], f"'{key}'")
            elif key not in known and not (level == "quality" and key.startswith("must")):
                hint = nearest(key, known, "")
                message = f"unknown key '{key[:60]}'" + (f", {hint}" if hint else "")
                self.notes.append(place.note(message, key))

    def _since(self, place: Place, key: str, since: tuple[int, int], what: str) -> None:
        if self._version < since and what not in self._newer:
            self._newer.add(what)
            message = f"{what} came with ODCS {since[0]}.{since[1]}; raise apiVersion"
            self.notes.append(place.note(message, key))


def _is_range(rule: Place) -> bool:
    return rule.block.get("rule") == "range"


def _mappings(place: Place, key: str) -> Iterator[Place]:
    listed = place.block.get(key)
    if isinstance(listed, Items):
        for index, value in enumerate(listed):
            if isinstance(value, Block):
                yield Place(value, place.source, f"{place.where(key)}[{index}]")


def _child(place: Place | None, key: str) -> Place | None:
    value = place.block.get(key) if place else None
    return Place(value, place.source, place.where(key)) if place and isinstance(value, Block) else None


# ---- columns ----


def doubtful_columns(contract: Contract, place: Place) -> list[Note]:
    """Return notes about money kept as binary floats and about columns that look personal but are unclassified."""
    at = {member.text("name"): member for member in place.children("properties")}
    return [note for field in contract.fields for note in _doubts(field, at[field.name])]


def _doubts(field: Field, place: Place) -> Iterator[Note]:
    tokens = [word.lower() for word in _WORD.findall(field.name)]
    if field.type.kind in (Kind.DOUBLE, Kind.FLOAT) and _MONEY & set(tokens):
        yield place.note("looks like money but is a binary float; give physicalType DECIMAL(p,s)", "name")
    personal = _PERSONAL & set(tokens) or _PERSONAL_PAIRS & set(pairwise(tokens))
    if personal and not field.classification and not field.encrypted_name:
        yield place.note("looks personal but has no classification", "name")


def missing_parts(root: Place) -> list[Note]:
    """Return notes about parts that catalogs need and the target does not."""
    notes = [
        place.note("has no 'physicalName'; some catalogs skip such tables", "name", "info")
        for place in root.children("schema")
        if not place.text("physicalName")
    ]
    if not root.block.get("servers"):
        notes.append(root.note("the contract has no 'servers'", level="info"))
    return notes
