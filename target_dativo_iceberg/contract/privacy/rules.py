"""Privacy rules: which columns they are about, what they ask for, and in which order they decide."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from target_dativo_iceberg.contract.privacy.key import KEY_ENV
from target_dativo_iceberg.contract.reading.document import nearest
from target_dativo_iceberg.errors import ContractError

if TYPE_CHECKING:
    from target_dativo_iceberg.contract.model import Contract, Field
    from target_dativo_iceberg.contract.privacy.seal import Action

# Classifications that ask for a rule, and the tag (alone or as `pii:…`) that does.
SENSITIVE = frozenset({"restricted", "confidential", "pii"})
SENSITIVE_TAG = "pii"


@dataclass(frozen=True, slots=True)
class Match:
    """Which columns a rule is about: all that is given must fit. `*` in a text stands for any text.

    Attributes:
        classification: one of these is the column's.
        tags: one of these is among the column's.
        name: one of these is the name of the column, or of a member anywhere inside one.
        path: one of these is the way to it, `customer.email`; lists and maps add nothing to it.
        object: one of these is the name of the contract's object (or of the stream).

    """

    classification: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    name: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    object: tuple[str, ...] = ()

    def about(self, owner: str) -> bool:
        """Tell whether the rule is about columns of an object."""
        return not self.object or _fits(self.object, (owner,))

    def fits(self, field: Field, path: str) -> bool:
        """Tell whether the rule is about a column of an object that it is about."""
        return (
            (not self.classification or _fits(self.classification, (field.classification,)))
            and (not self.tags or _fits(self.tags, field.tags))
            and (not self.name or _fits(self.name, (field.name,)))
            and (not self.path or _fits(self.path, (path,)))
        )

    @property
    def places(self) -> tuple[str, ...]:
        """Names and paths without `*`: each is expected to be there."""
        return tuple(text for text in (*self.name, *self.path) if "*" not in text)


@dataclass(frozen=True, slots=True)
class PrivacyRule:
    """One rule.

    Attributes:
        where: what to call it in messages.
        match: which columns.
        action: what is done with them.
        default: it counts only where no other rule, the contract's included, matches.
        of_contract: the contract brought it.

    """

    where: str
    match: Match
    action: Action
    default: bool = False
    of_contract: bool = False


@dataclass(frozen=True, slots=True)
class PrivacyRules:
    """Setting `privacy`.

    Attributes:
        rules: in order; the first that matches a column decides.
        key_env: environment variable that holds the key.
        key_file: file that holds it, or empty.
        quarantine: what of a rejected record is kept: `declared`, `all` or `keys`.
        accept_change: go on when a table was written under another key or with other actions.

    """

    rules: tuple[PrivacyRule, ...] = ()
    key_env: str = KEY_ENV
    key_file: str = ""
    quarantine: str = "declared"
    accept_change: bool = False


def ordered(settings: PrivacyRules, of_contract: tuple[PrivacyRule, ...], owner: str) -> tuple[PrivacyRule, ...]:
    """Return all rules about an object in the order in which they decide.

    The operator's rules go first, so a contract cannot undo them; those marked `default` go last, so it can.
    """
    firm = [r for r in settings.rules if not r.default]
    loose = [r for r in settings.rules if r.default]
    return tuple(r for r in (*firm, *of_contract, *loose) if r.match.about(owner))


def refuse_lost(rules: Collection[PrivacyRule], contract: Contract, there: Collection[str]) -> None:
    """Refuse a contract's rule about a column that is not there: a typing error would leave the real one in the clear.

    Args:
        rules: that are about the contract.
        contract: for messages.
        there: names and paths of its columns.

    Raises:
        ContractError: a rule names none of them.

    """
    known = {plain_path(text) for text in there}
    for rule in rules:
        for place in rule.match.places if rule.of_contract else ():
            if plain_path(place) not in known:
                hint = nearest(place, there, "name a column of the contract")
                raise refused(contract, f"{rule.where} names '{place[:60]}', which is no column of it", hint)


def refused(contract: Contract, message: str, hint: str) -> ContractError:
    """Return the error about something in a contract."""
    place = f"{contract.source}: " if contract.source else ""
    return ContractError(f"{place}object '{contract.name}': {message}", hint)


def sensitive(field: Field) -> bool:
    """Tell whether a column's classification, tags or `encryptedName` ask for a privacy rule."""
    tagged = any(plain_path(tag).partition(":")[0] == SENSITIVE_TAG for tag in field.tags)
    return field.classification in SENSITIVE or tagged or bool(field.encrypted_name)


def _fits(patterns: Collection[str], found: Collection[str]) -> bool:
    return any(_pattern(p).fullmatch(plain_path(text)) for p in patterns for text in found)


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in plain_path(text).split("*")), re.DOTALL)


def plain_path(text: str) -> str:
    """Return a name or path as it is compared: lower case, without the marks of lists and maps."""
    return text.strip().casefold().replace("[]", "").replace("{}", "")
