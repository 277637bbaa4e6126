"""One normaliser for three front doors: ODCS 3.0 to 3.2, dativo's flat form, dativo's `asset:` wrapper.

Whatever comes in, the canonical form is a document of ODCS 3.2. `${VAR}` references stay as written: the
canonical form can be printed and stored without a variable's value in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from target_dativo_iceberg.contract.reading.document import Block, Items, Place, block, items, written
from target_dativo_iceberg.contract.reading.lint import unknown_words
from target_dativo_iceberg.contract.reading.normalise_dativo import columns_as_object, extensions, hoisted, identity
from target_dativo_iceberg.contract.reading.normalise_property import canonical_object, listed_custom
from target_dativo_iceberg.contract.reading.normalise_quality import Rewriting
from target_dativo_iceberg.contract.reading.vocabulary import DATIVO

if TYPE_CHECKING:
    from target_dativo_iceberg.contract.model import Note

CANONICAL_VERSION = "v3.2.0"
_NEWEST = (3, 2)
_VERSION = re.compile(r"v?([0-9]{1,3})\.([0-9]{1,3})(?:\.[0-9]{1,3})?")


class FrontDoor(StrEnum):
    """The form a document was written in."""

    ODCS = "odcs"
    FLAT = "dativo flat"
    WRAPPED = "dativo wrapped"


@dataclass(frozen=True, slots=True)
class Canonical:
    """A document in the shape of ODCS 3.2.

    Attributes:
        root: the document, variables not replaced.
        source: file it was read from.
        door: form it was written in.
        api_version: as declared, `v3.1.0`; empty when it was not.
        version: major and minor it was read as.
        notes: what was rewritten, and what looks wrong.

    """

    root: Block
    source: str
    door: FrontDoor
    api_version: str
    version: tuple[int, int]
    notes: tuple[Note, ...]

    @property
    def expands_variables(self) -> bool:
        """Tell whether `${VAR}` means a variable here: in ODCS from 3.2 on, and in dativo's forms."""
        return self.door is not FrontDoor.ODCS or self.version >= _NEWEST


def normalise(raw: Block, source: str) -> Canonical:
    """Return a document in canonical form; the given one is not changed.

    Raises:
        ContractError: the document is no contract, mixes forms, or cannot be read as ODCS 3.

    """
    given = Place(raw, source)
    _refuse_other_kinds(given)
    door = front_door(given)
    api_version = given.text("apiVersion")
    rewriting = Rewriting(_version(given, door), [])
    root = Place(hoisted(given) if door is FrontDoor.WRAPPED else raw.twin(), source)
    flat = _has_columns(root)
    rewriting.notes.extend(unknown_words(root, rewriting.version, dativo=door is not FrontDoor.ODCS, flat=flat))
    _rewrite(root, rewriting, flat=flat, dativo=door is not FrontDoor.ODCS)
    return Canonical(root.block, source, door, api_version, rewriting.version, tuple(rewriting.notes))


def front_door(root: Place) -> FrontDoor:
    """Tell which form a document is written in.

    Raises:
        ContractError: two forms in one document; the message names the line.

    """
    if "asset" in root.block:
        if "schema" in root.block:
            message = f"'schema' stands beside 'asset' (line {root.line('asset')})"
            raise root.error(message, "keep either the `asset:` wrapper or the plain form", "schema")
        return FrontDoor.WRAPPED
    return FrontDoor.FLAT if _has_columns(root) else FrontDoor.ODCS


def _has_columns(root: Place) -> bool:
    """Tell whether `schema` lists columns (dativo) rather than objects (ODCS)."""
    listed = root.children("schema")
    objects = [place for place in listed if _is_object(place)]
    columns = [place for place in listed if "type" in place.block and not _is_object(place)]
    if objects and columns:
        message = f"a dativo column stands among ODCS objects (first object on line {objects[0].line()})"
        raise columns[0].error(message, "put columns under an object's `properties:`")
    if objects or columns:
        return bool(columns)
    team = root.block.get("team")
    return bool(DATIVO & root.block.keys()) or (isinstance(team, Block) and "owner" in team)


def _is_object(place: Place) -> bool:
    if "properties" in place.block or place.block.get("logicalType") == "object":
        return True
    return str(place.block.get("physicalType")).lower() in ("table", "view", "topic", "file")


def _refuse_other_kinds(root: Place) -> None:
    kind = root.text("kind")
    if kind and kind != "DataContract":
        raise root.error(f"kind is '{root.shown('kind')[:40]}'", "point to a document of kind DataContract", "kind")
    if "schema" not in root.block and "asset" not in root.block:
        raise root.error("the document has no 'schema'", "list the table under `schema:`")


def _version(root: Place, door: FrontDoor) -> tuple[int, int]:
    text = root.text("apiVersion")
    if not text:
        return _NEWEST if door is FrontDoor.ODCS else (3, 0)
    match = _VERSION.fullmatch(text)
    major, minor = (int(match[1]), int(match[2])) if match else (0, 0)
    if major != 3:
        message = f"apiVersion '{root.shown('apiVersion')[:40]}' cannot be read"
        raise root.error(message, "use ODCS v3.0.0 to v3.2.0", "apiVersion")
    return min((major, minor), _NEWEST)


def _rewrite(root: Place, rewriting: Rewriting, *, flat: bool, dativo: bool) -> None:
    _texts(root, rewriting)
    listed_custom(root, rewriting)
    if dativo:
        identity(root)
    if flat:
        columns_as_object(root, rewriting)
    if dativo or DATIVO & root.block.keys() or isinstance(root.block.get("team"), Block):
        extensions(root, rewriting)
    _description(root)
    _team(root)
    _sla(root)
    objects = [canonical_object(place, rewriting) for place in root.children("schema")]
    root.block.put("schema", items(root.line("schema"), objects))
    root.block.put("apiVersion", CANONICAL_VERSION)
    root.block.put("kind", "DataContract")


def _texts(root: Place, rewriting: Rewriting) -> None:
    for key in ("version", "id", "name", "tenant", "status", "domain", "dataProduct"):
        value = root.block.get(key)
        if value is not None and not isinstance(value, (str, Block, Items)):
            rewriting.say(root, f"'{key}' is not quoted; it is read as the text '{written(value)[:40]}'", key)
            root.block.put(key, written(value))
    if isinstance(root.block.get("tags"), str):
        root.block.put("tags", items(root.line("tags"), [root.block["tags"]]))
    if root.block.get("version") is None:
        rewriting.say(root, "the contract has no 'version'", level="warning")


def _description(root: Place) -> None:
    text = root.block.get("description")
    if isinstance(text, str):
        root.block.put("description", block(root.line("description"), purpose=text))


def _team(root: Place) -> None:
    """The team is a list of members up to 3.0, an object from 3.1 on."""
    team = root.block.get("team")
    if isinstance(team, Items):
        root.block.put("team", block(root.line("team"), members=team))


def _sla(root: Place) -> None:
    """`slaDefaultElement` is deprecated: its element moves to the properties that name none."""
    element = root.block.drop("slaDefaultElement")
    if element is None:
        return
    placed = []
    for place in root.children("slaProperties"):
        twin = place.block.twin()
        if "element" not in twin:
            twin.put("element", element)
        placed.append(twin)
    root.block.put("slaProperties", items(root.line("slaProperties"), placed))
