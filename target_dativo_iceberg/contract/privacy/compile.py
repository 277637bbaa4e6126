"""A contract's fields and the privacy rules about them → the steps that protect its columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from target_dativo_iceberg.contract.model import Contract, Field, Kind, Type
from target_dativo_iceberg.contract.privacy.apply import Blank, Each, Entries, Keep, Members, Output, Seal, Step, Within
from target_dativo_iceberg.contract.privacy.rules import PrivacyRule, refused, sensitive
from target_dativo_iceberg.contract.privacy.seal import Action, ActionKind, sealer
from target_dativo_iceberg.errors import ContractError, SettingsError

if TYPE_CHECKING:
    from target_dativo_iceberg.contract.privacy.key import Key

_STRING = Type(Kind.STRING)
_NESTED = frozenset({Kind.STRUCT, Kind.LIST, Kind.MAP})
# Different map keys must stay different.
_MERGING = frozenset({ActionKind.REDACT, ActionKind.PARTIAL})


@dataclass(frozen=True, slots=True)
class _Made:
    """A step and the types before and after it."""

    step: Step
    clear: Type
    sealed: Type


@dataclass(slots=True)
class Compiler:
    """Goes through a contract's fields once. Paths mark lists by `[]` and maps by `{}`: `orders[].email`.

    Attributes:
        contract: of the records, as its document has it.
        rules: about it, in the order in which they decide.
        key: None when there is none.
        key_env: variable it would come from, for messages.
        decided: path → action, for fields that a rule decides, itself or by what is around them.
        protected: path of each column of the table that is not clear → its action.
        lacking: paths of fields that ask for a rule and have none.
        used: names of the rules that matched.
        there: names and paths of all fields.

    """

    contract: Contract
    rules: Sequence[PrivacyRule]
    key: Key | None
    key_env: str
    decided: dict[str, Action] = field(default_factory=dict)
    protected: dict[str, Action] = field(default_factory=dict)
    lacking: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    there: set[str] = field(default_factory=set)

    # ---- which action ----

    def _action(self, at: Field, path: str, inherited: Action | None) -> Action | None:
        """Return what is done with a field: by the first rule that fits it, else as with the one around it."""
        self.there |= {at.name, path}
        rule = next((r for r in self.rules if r.match.fits(at, path)), None)
        if rule is not None:
            self.used.add(rule.where)
            self._refuse_keyless(rule, path)
        elif inherited is None and sensitive(at):
            self.lacking.append(path)
        action = rule.action if rule else inherited
        if action is None:
            return None
        if action.kind is ActionKind.ENCRYPT and {path, at.encrypted_name} & set(self.contract.primary_key):
            action = replace(action, joinable=True)
        self.decided[path] = action
        return action

    def _refuse_keyless(self, rule: PrivacyRule, path: str) -> None:
        if rule.action.keyed and self.key is None:
            what = f"action '{rule.action.kind}' of '{path}' ({rule.where}) needs a privacy key, and there is none"
            hint = f"set environment variable {self.key_env}, 'key_file' of 'privacy', or 'privacy_key'"
            raise SettingsError(f"object '{self.contract.name}': {what}", hint)

    # ---- columns, members ----

    def members(self, fields: tuple[Field, ...], path: str = "", inherited: Action | None = None) -> Members:
        """Return what becomes of the columns of the table, or of the members of the struct at a path."""
        wanted = {f.encrypted_name for f in fields if f.encrypted_name}
        actions = {f.name: self._action(f, _at(path, f), inherited) for f in fields if f.name not in wanted}
        moved = {f.encrypted_name: f for f in fields if f.encrypted_name and _encrypts(actions.get(f.name))}
        actions |= {
            f.name: self._action(f, _at(path, f), inherited) for f in fields if f.name in wanted and f.name not in moved
        }
        inputs = tuple(f for f in fields if f.name not in moved)
        places = {f.name: f for f in fields if f.name in moved}
        clear, outputs = [], []
        for index, at in enumerate(inputs):
            before, after = self._outputs(index, at, actions[at.name], path, places)
            clear.append(before)
            outputs += after
        self._refuse_twins(outputs, path)
        return Members(tuple(clear), _in_order(fields, inputs, outputs))

    def _outputs(
        self, index: int, at: Field, action: Action | None, path: str, places: Mapping[str, Field]
    ) -> tuple[Field, list[Output]]:
        """Return a field as records have it, and what it becomes."""
        if action is not None and action.kind is ActionKind.DROP:
            return at, []
        if at.encrypted_name and action is not None and _encrypts(action):
            return at, self._moved(index, at, action, path, places.get(at.encrypted_name))
        made = self._made(at, action, _at(path, at))
        sealed = _sealed(at, made, keeps_unique=bool(action and action.distinguishes))
        return replace(at, type=made.clear), [Output(index, sealed, made.step)]

    def _moved(self, index: int, at: Field, action: Action, path: str, place: Field | None) -> list[Output]:
        """Put the ciphertext into the column that `encryptedName` names."""
        here = _at(path, at)
        if at.type.kind in _NESTED:
            raise self._refused(f"'{here}' has an encryptedName and is no single value", "give its members one each")
        if place is not None and place.type.kind is not Kind.STRING:
            raise self._refused(
                f"'{_at(path, place)}' takes the ciphertext of '{here}' and is no text", "make it a string"
            )
        base = place or Field(at.encrypted_name, _STRING, description=f"'{at.name}', encrypted.")
        sealed = replace(base, required=at.required, rules=(), unique=at.unique and action.joinable)
        self.protected[_at(path, sealed)] = action
        found = [Output(index, sealed, self._seal(at.type, action))]
        if not action.drops_clear:
            self.protected[here] = Action(ActionKind.NULL)
            nulled = replace(at, required=False, unique=False, rules=())
            found.insert(0, Output(index, nulled, Blank(at.type)))
        return found

    def _refuse_twins(self, outputs: Sequence[Output], path: str) -> None:
        seen = set()
        for output in outputs:
            if output.field.name.casefold() in seen:
                message = f"two columns would be called '{_at(path, output.field)}'"
                raise self._refused(message, "give each encryptedName a name of its own")
            seen.add(output.field.name.casefold())

    # ---- types ----

    def _made(self, at: Field, action: Action | None, path: str) -> _Made:
        type_ = at.type
        if action is not None and action.kind is ActionKind.NULL:
            self.protected[path] = action
            return _Made(Blank(type_), type_, type_)
        if type_.kind in _NESTED:
            return _BY_KIND[type_.kind](self, at, action, path)
        if action is None or action.kind is ActionKind.ALLOW:
            return _Made(Keep(type_), type_, type_)
        if type_.kind is Kind.BOOLEAN and action.kind is ActionKind.PARTIAL:
            raise self._refused(f"action 'partial' would leave '{path}', a boolean, readable", "use another action")
        self.protected[path] = action
        return _Made(self._seal(type_, action), type_, _STRING)

    def _seal(self, type_: Type, action: Action) -> Seal:
        return Seal(type_, sealer(action, self.key), action.repeats)

    def _struct(self, at: Field, action: Action | None, path: str) -> _Made:
        members = self.members(at.type.fields, path, action)
        if not members.outputs:
            raise self._refused(f"nothing would be left of '{path}'", "drop the column itself")
        clear = replace(at.type, fields=members.inputs)
        step = Keep(clear) if members.unchanged else Within(members)
        return _Made(step, clear, replace(at.type, fields=tuple(o.field for o in members.outputs)))

    def _list(self, at: Field, action: Action | None, path: str) -> _Made:
        made, clear, sealed = self._item(at, action, f"{path}[]")
        before = replace(at.type, item=clear)
        return _Made(Keep(before) if isinstance(made, Keep) else Each(made), before, replace(at.type, item=sealed))

    def _map(self, at: Field, action: Action | None, path: str) -> _Made:
        made, clear, sealed = self._item(at, action, f"{path}{{}}")
        assert at.type.key is not None
        key = self._map_key(at.type.key, action, path)
        before = replace(at.type, item=clear)
        if isinstance(made, Keep) and isinstance(key, Keep):
            return _Made(Keep(before), before, replace(at.type, item=sealed))
        after = replace(at.type, key=at.type.key if isinstance(key, Keep) else _STRING, item=sealed)
        return _Made(Entries(key, made), before, after)

    def _map_key(self, type_: Type, action: Action | None, path: str) -> Step:
        if action is None or action.kind is ActionKind.ALLOW:
            return Keep(type_)
        if action.kind in _MERGING:
            message = f"action '{action.kind}' would make different keys of map '{path}' equal"
            raise self._refused(message, "use hash, token, encrypt, null or drop")
        action = replace(action, joinable=True) if _encrypts(action) else action
        self.protected[f"{path}.key"] = action
        return self._seal(type_, action)

    def _item(self, at: Field, inherited: Action | None, path: str) -> tuple[Step, Field, Field]:
        """Return the step for the elements of a list or the values of a map, and their fields before and after."""
        assert at.type.item is not None
        item = at.type.item
        named = replace(item, name=at.name)
        action = self._action(named, path, inherited)
        if action is not None and action.kind is ActionKind.DROP:
            raise self._refused(f"single elements of '{path}' cannot be dropped", "drop the column, or use null")
        if item.encrypted_name and _encrypts(action):
            raise self._refused(f"elements of '{path}' cannot have an encryptedName", "remove it")
        made = self._made(named, action, path)
        return made.step, replace(item, type=made.clear), _sealed(item, made, keeps_unique=False)

    def _refused(self, message: str, hint: str) -> ContractError:
        return refused(self.contract, message, hint)


_BY_KIND = {Kind.STRUCT: Compiler._struct, Kind.LIST: Compiler._list, Kind.MAP: Compiler._map}


def column_path(path: str) -> str:
    """Return a path as Iceberg writes it: `orders[].email` → `orders.element.email`."""
    return path.replace("[]", ".element").replace("{}", ".value")


def _at(path: str, at: Field) -> str:
    return f"{path}.{at.name}" if path else at.name


def _encrypts(action: Action | None) -> bool:
    return action is not None and action.kind is ActionKind.ENCRYPT


def _sealed(at: Field, made: _Made, *, keeps_unique: bool) -> Field:
    """Return a field as it is after its step: its rules were about the clear value, and were checked on it."""
    if isinstance(made.step, Keep):
        return replace(at, type=made.sealed)
    required = at.required and not isinstance(made.step, Blank)
    return replace(at, type=made.sealed, rules=(), required=required, unique=at.unique and keeps_unique)


def _in_order(fields: Sequence[Field], inputs: Sequence[Field], outputs: Sequence[Output]) -> tuple[Output, ...]:
    """Return outputs in the order of the fields; a ciphertext without a place of its own follows its clear column."""
    place = {f.name: index for index, f in enumerate(fields)}
    return tuple(sorted(outputs, key=lambda o: place.get(o.field.name, place[inputs[o.source].name])))
