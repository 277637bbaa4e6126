"""Every error of the target, grouped by what the person who meets it does next.

::

    DativoError                     one sentence: what, where, what to do
    ├── SettingsError               mend the settings (nothing was read)
    ├── ContractError               mend the contract (file and line are in the message)
    ├── InputError                  mend the tap: the stream of Singer messages is not well formed
    ├── ViolationError              mend the data or the contract: records break the contract in mode strict
    ├── EvolutionError              mend the contract or the table: they do not fit together
    ├── MachineError                give the process what it needs: memory, threads
    ├── StoreError                  mend or wait for the catalog or the file store, then run again
    │   ├── ConflictError           another writer was faster; the epoch is published again
    │   └── UnknownOutcomeError     no answer to a commit: it may land yet, so nothing is deleted
    └── Interrupted                 a signal ended the run; run again

Messages never hold a record's value or the value of a setting.
"""

from __future__ import annotations


class DativoError(Exception):
    """Base of all foreseen failures.

    Args:
        message: what happened and where.
        hint: what to do about it, one imperative sentence.

    """

    code = "failed"
    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(f"{message}: {hint}" if hint else message)


class SettingsError(DativoError):
    """A setting is unknown, mistyped, or points to something that cannot be used."""

    code = "settings"


class ContractError(DativoError):
    """A contract document cannot be read or enforced."""

    code = "contract"


class InputError(DativoError):
    """A line on standard input is not a usable Singer message."""

    code = "input"


class RecordBeforeSchemaError(InputError):
    """A RECORD or BATCH names a stream whose SCHEMA has not come."""

    code = "record_before_schema"


class ViolationError(DativoError):
    """Records break the contract and the contract's policy is to fail."""

    code = "violation"


class MissingKeyError(ViolationError):
    """A record lacks one of the stream's key properties."""

    code = "missing_key"


class EvolutionError(DativoError):
    """Contract, stream and table do not fit together under the evolution policy."""

    code = "evolution"


class StoreError(DativoError):
    """The catalog or the file store refused or did not answer."""

    code = "store"


class ConflictError(StoreError):
    """A table moved between staging and publishing."""

    code = "conflict"


class UnknownOutcomeError(StoreError):
    """A commit got no usable answer; whether it landed is looked up before anything else is done."""

    code = "unknown_outcome"


class MachineError(DativoError):
    """The machine, or a limit set on the process, gives no more memory or threads."""

    code = "machine"


class Interrupted(DativoError):
    """SIGTERM or SIGINT: the open epoch was dropped.

    Args:
        signum: number of the signal; the exit code is 128 + signum.

    """

    code = "interrupted"

    def __init__(self, signum: int) -> None:
        super().__init__(
            f"stopped by signal {signum}; what was published before stays",
            "run again from the last STATE printed",
        )
        self.exit_code = 128 + signum


class Stop(BaseException):
    """Raised where a signal arrives. Not an Exception: logging, for one, would swallow that and go on.

    Args:
        signum: number of the signal.

    """

    def __init__(self, signum: int) -> None:
        self.signum = signum
        super().__init__(signum)
