"""The contracts that quarantined records are held to: the documents' of today, else what the table amounts to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from target_dativo_iceberg.contract import choose, load
from target_dativo_iceberg.contract.model import Contract, ContractSet, Field
from target_dativo_iceberg.contract.record_metadata import DELETED_AT
from target_dativo_iceberg.contract.settling import read_as, usual_of
from target_dativo_iceberg.errors import ContractError
from target_dativo_iceberg.messages import Schema
from target_dativo_iceberg.route import Contracts
from target_dativo_iceberg.stage import META, RESCUED
from target_dativo_iceberg.streams import Privacies
from target_dativo_iceberg.tables import FILLED

if TYPE_CHECKING:
    from target_dativo_iceberg.contract.privacy.protection import Privacy
    from target_dativo_iceberg.contract.steps import TableState
    from target_dativo_iceberg.settings import Settings


_MOMENT = {"type": ["string", "null"], "format": "date-time"}


class Contractor:
    """Gives each stream its contract as it is now.

    Args:
        settings: where the contracts are.
        state: the good table as it is; None when it does not exist.

    """

    def __init__(self, settings: Settings, state: TableState | None) -> None:
        self._settings = settings
        self._state = state
        self._privacies = Privacies(settings)
        self._documents: ContractSet | None = load(settings.contract_path) if settings.contract_path else None

    def privacy(self, stream: str) -> Privacy:
        """Return what a stream's contract is in the clear and in its table.

        Raises:
            ContractError: none covers it and there is no table, or its status forbids a load.
            SettingsError: its table is protected otherwise than the settings say.

        """
        settings, contract = self._settings.of(stream), self._contract(stream)
        if settings.load_method == "upsert":  # a row of the table may be newer than the record: it is not replaced
            contract = replace(contract, keys_repeat=False)
        found = self._privacies.of(contract, settings)
        if self._state is not None:
            found.check_table(self._state.properties)
        return found

    def _contract(self, stream: str) -> Contract:
        """Return the contract of a stream: from the documents, else what its table amounts to."""
        chosen = self._documents and choose(self._documents, stream, self._settings.contract_map)
        if not chosen and not self._settings.of(stream).require_contract:
            return self._of_table(stream)
        keys = tuple(sorted(self._state.keys)) if self._state else ()
        routed = Contracts(self._settings, self._documents)
        properties = {DELETED_AT: _MOMENT} if self._state and _has(self._state, DELETED_AT) else {}
        return self._extended(routed.contract(Schema(stream, {"properties": properties}, keys)))

    def _of_table(self, stream: str) -> Contract:
        if self._state is None:
            raise ContractError(f"no contract covers stream '{stream}' and its table is gone", "set contract_path")
        keys = tuple(f.name for f in self._state.fields if f.name in self._state.keys)
        of_table = Contract(stream, _carried(self._state), primary_key=keys, inferred=True, keys_repeat=True)
        return read_as(of_table, usual_of(self._settings.of(stream)))

    def _extended(self, contract: Contract) -> Contract:
        """Under evolution `relaxed`, columns that only the table has came from a SCHEMA and are written too."""
        if self._state is None or contract.policies.get("evolution", self._settings.evolution) != "relaxed":
            return contract
        known = {f.name.lower() for f in contract.fields}
        fields = (f for f in _carried(self._state) if f.name.lower() not in known and "__v_" not in f.name)
        return replace(contract, fields=(*contract.fields, *(replace(f, required=False) for f in fields)))


def _has(state: TableState, column: str) -> bool:
    return any(f.name == column for f in state.fields)


def _carried(state: TableState) -> tuple[Field, ...]:
    """Return the columns that records carry: all but those that the target fills."""
    filled = {META.name, RESCUED.name, state.properties.get(FILLED)}
    return tuple(f for f in state.fields if f.name not in filled)
