"""Privacy rules as settings and contracts write them → `PrivacyRules`. Messages name keys, never values."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from target_dativo_iceberg.contract.compiling.custom_properties import settings
from target_dativo_iceberg.contract.privacy.key import KEY_ENV
from target_dativo_iceberg.contract.privacy.rules import Match, PrivacyRule, PrivacyRules, refused
from target_dativo_iceberg.contract.privacy.seal import TOKEN_PREFIX, Action, ActionKind
from target_dativo_iceberg.contract.reading.document import nearest, plain
from target_dativo_iceberg.errors import SettingsError

if TYPE_CHECKING:
    from target_dativo_iceberg.contract.model import Contract
    from target_dativo_iceberg.contract.reading.document import Place

_SETTINGS = ("rules", "key_env", "key_file", "quarantine", "accept_change")
_MATCHES = ("classification", "tags", "name", "path", "object")
# What an action can be given beside its name, and which one.
_EXTRAS: Mapping[str, ActionKind] = {
    "joinable": ActionKind.ENCRYPT,
    "clear": ActionKind.ENCRYPT,
    "prefix": ActionKind.TOKEN,
}
_KEEPS = ("declared", "all", "keys")
# Upper case only: a key written here by mistake must not pass for a name and come back in a message.
_ENV_NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,62}")
_PREFIX = re.compile(r"[A-Za-z0-9_.-]{0,16}")


class RuleFaultError(Exception):
    """Something is wrong with a rule.

    Args:
        message: what; never a value.
        hint: what to do.

    """

    def __init__(self, message: str, hint: str) -> None:
        self.message = message
        self.hint = hint
        super().__init__(message)


def read_rules(value: Any) -> PrivacyRules:
    """Return setting `privacy`, checked.

    Args:
        value: None, an object, a list of rules, or either as JSON text.

    Raises:
        SettingsError: it holds something unknown or mistyped.

    """
    try:
        given = _json(value) if isinstance(value, str) else value
        node = {"rules": given} if isinstance(given, list) else {} if given is None else given
        _known(node, _SETTINGS, "the setting")
        return PrivacyRules(
            rules=tuple(_rules(node.get("rules", []), "rule")),
            key_env=_text(node, "key_env", KEY_ENV, _ENV_NAME),
            key_file=_text(node, "key_file", ""),
            quarantine=_choice(node, "quarantine", _KEEPS),
            accept_change=_flag(node, "accept_change"),
        )
    except RuleFaultError as fault:
        raise SettingsError(f"setting 'privacy': {fault.message}", fault.hint) from None


def contract_rules(contract: Contract) -> tuple[PrivacyRule, ...]:
    """Return the rules that a contract carries: those of its properties, then those of the object or document.

    Raises:
        ContractError: one holds something unknown or mistyped, or wants to choose the key.

    """
    found: list[PrivacyRule] = []
    for policy, what in (("privacy_fields", "dativo.privacy of property"), ("privacy", "dativo.privacy, rule")):
        given = contract.policies.get(policy) or []
        try:
            if isinstance(given, dict):
                _known(given, ("rules",), "dativo.privacy")
                given = given.get("rules", [])
            found += _rules(given, what, of_contract=True)
        except RuleFaultError as fault:
            raise refused(contract, fault.message, fault.hint) from None
    return tuple(found)


def property_policies(table: Place) -> dict[str, Any]:
    """Return the policy `privacy_fields`: `dativo.privacy` of an object's properties as rules about their paths.

    Args:
        table: a schema object of a document in canonical form.

    Raises:
        ContractError: an action is unknown or mistyped; the message names file and line.

    """
    found = list(_property_rules(table, ""))
    return {"privacy_fields": found} if found else {}


def _property_rules(owner: Place, path: str) -> Iterator[dict[str, Any]]:
    for place in owner.children("properties"):
        here = f"{path}.{place.text('name')}" if path else place.text("name")
        yield from _rules_at(place, here)


def _rules_at(place: Place, path: str) -> Iterator[dict[str, Any]]:
    custom = settings(place).get("privacy")
    if custom is not None:
        value = plain(custom.value("value"))
        node = {"action": value} if isinstance(value, str) else value
        try:
            _known(node, ("action", *_EXTRAS), "dativo.privacy")
            _action(node, "dativo.privacy")
        except RuleFaultError as fault:
            raise custom.error(fault.message, fault.hint, "value") from None
        yield {"match": {"path": path}} | node
    yield from _property_rules(place, path)
    for holder, key in ((place, "items"), (place.child("map"), "value")):
        below = holder.child(key) if holder else None
        if below is not None:
            yield from _rules_at(below, path)


# ---- rules ----


def _rules(given: Any, what: str, *, of_contract: bool = False) -> Iterator[PrivacyRule]:
    if not isinstance(given, list):
        raise RuleFaultError("'rules' is not a list", "write a list of objects with 'match' and 'action'")
    for number, node in enumerate(given, 1):
        yield _rule(node, f"{what} {number}", of_contract=of_contract)


def _rule(node: Any, where: str, *, of_contract: bool) -> PrivacyRule:
    _known(node, ("match", "action", "default", *_EXTRAS), where)
    default = _flag(node, "default", where)
    if default and of_contract:
        raise RuleFaultError(
            f"{where} is marked 'default', which only a rule of the settings can be", "remove 'default'"
        )
    return PrivacyRule(where, _match(node.get("match"), where), _action(node, where), default, of_contract)


def _match(node: Any, where: str) -> Match:
    if not node:
        hint = f"give one of {', '.join(_MATCHES)}"
        raise RuleFaultError(f"{where} has no 'match' that says which columns it is about", hint)
    _known(node, _MATCHES, f"'match' of {where}")
    return Match(**{name: _texts(value, f"'{name}' of {where}") for name, value in node.items()})


def _texts(value: Any, where: str) -> tuple[str, ...]:
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not found or not all(isinstance(t, str) and t.strip() for t in found):
        raise RuleFaultError(f"{where} is not a text or a list of texts", "give at least one text")
    return tuple(found)


def _action(node: Mapping[str, Any], where: str) -> Action:
    kind, argument = _kind(node, where)
    for extra, owner in _EXTRAS.items():
        if extra in node and kind is not owner:
            raise RuleFaultError(f"{where} has '{extra}', which belongs to action {owner}", f"remove '{extra}'")
    return Action(
        kind,
        keep=_kept(argument, where) if kind is ActionKind.PARTIAL else 0,
        prefix=_text(node, "prefix", TOKEN_PREFIX, _PREFIX, where),
        joinable=_flag(node, "joinable", where),
        drops_clear=_choice(node, "clear", ("null", "drop"), where) == "drop",
    )


def _kind(node: Mapping[str, Any], where: str) -> tuple[ActionKind, str]:
    word = node.get("action", "")
    # Unquoted, the action of that name is YAML's null.
    name, colon, argument = ("null" if word is None else word if isinstance(word, str) else "").partition(":")
    if name not in frozenset(ActionKind) or (colon and name != ActionKind.PARTIAL):
        hint = nearest(name, list(ActionKind), f"use one of {', '.join(ActionKind)} (partial:n)")
        raise RuleFaultError(f"{where} has an unknown action", hint)
    return ActionKind(name), argument


def _kept(argument: str, where: str) -> int:
    if not (argument.isascii() and argument.isdigit() and 1 <= int(argument[:4]) <= 32):
        raise RuleFaultError(f"{where} does not say how many characters stay", "write partial:n, n from 1 to 32")
    return int(argument)


# ---- values ----


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise RuleFaultError("it is not JSON", "give an object or a list of rules as JSON") from None


def _known(node: Any, names: Collection[str], where: str) -> None:
    if not isinstance(node, dict):
        raise RuleFaultError(f"{where} is not an object", f"give an object with {', '.join(names)}")
    for key in node:
        if key not in names:
            hint = nearest(str(key), names, f"use {', '.join(names)}")
            raise RuleFaultError(f"{where} has an unknown key '{str(key)[:40]}'", hint)


def _text(
    node: Mapping[str, Any], name: str, default: str, form: re.Pattern[str] | None = None, where: str = "the setting"
) -> str:
    value = default if node.get(name) is None else node[name]
    if not isinstance(value, str) or (form and not form.fullmatch(value)):
        raise RuleFaultError(f"'{name}' of {where} is not a text of the right form", _FORMS[name])
    return value


_FORMS: Mapping[str, str] = {
    "key_env": "give the name of an environment variable in capitals, not the key",
    "key_file": "give the path of a file",
    "prefix": "use at most 16 letters, digits, '_', '.' or '-'",
}


def _flag(node: Mapping[str, Any], name: str, where: str = "the setting") -> bool:
    value = node.get(name) or False
    if not isinstance(value, bool):
        raise RuleFaultError(f"'{name}' of {where} is not a boolean", "write true or false")
    return value


def _choice(node: Mapping[str, Any], name: str, words: tuple[str, ...], where: str = "the setting") -> str:
    value = words[0] if node.get(name) is None else node[name]
    if value not in words:
        raise RuleFaultError(f"'{name}' of {where} has an unknown value", f"use one of {', '.join(words)}")
    return str(value)
