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
    │   ├── ClusterLostError        start the Ray cluster anew, then run again
    │   ├── ConflictError           another writer was faster; the epoch is published again
    │   └── UnknownOutcomeError     no answer to a commit: it may land yet, so nothing is deleted
    └── Interrupted                 a signal ended the run; run again

Messages never hold a record's value or the value of a setting. Each class has a code that never changes, and says what
docs/errors.md tells of it (`make docs`).
"""

from __future__ import annotations

from typing import Any, ClassVar

_RETRYABLE = {True: "yes", False: "no", None: "unknown"}


class DativoError(Exception):
    """Base of all foreseen failures, and by itself a fault of the program.

    Args:
        message: what happened and where.
        hint: what to do about it, one imperative sentence.

    Attributes:
        code: one word that stands in log line and report, and never changes.
        retryable: whether the same run, started again with nothing changed, may end well; None when it cannot be known.
        cause: why it comes up.
        data: what it means for the data.
        remedy: what to do.
        command: what to type first.

    """

    code: ClassVar[str] = "failed"
    retryable: ClassVar[bool | None] = None
    cause: ClassVar[str] = "The program met something that it does not foresee: a fault of ours, not of your data."
    data: ClassVar[str] = "Epochs published before it stay, with their STATE. The open epoch is not published."
    remedy: ClassVar[str] = (
        "Run again once. If it comes back, report it with the class and place that the message names, and the trace "
        "that `LOGLEVEL=DEBUG` adds. Read the trace before you send it: it may hold values."
    )
    command: ClassVar[str] = "LOGLEVEL=DEBUG target-dativo-iceberg --config config.json < messages.jsonl"
    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(f"{message}: {hint}" if hint else message)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as it is, whatever a subclass is made of."""
        return _as_it_was, (type(self), self.args, dict(self.__dict__))

    @property
    def line(self) -> str:
        """One line for the log: code, sentence, and whether it is worth another try."""
        return f"{self.code}: {self} (retryable: {_RETRYABLE[self.retryable]})"


def _as_it_was(kind: type[DativoError], args: tuple[Any, ...], state: dict[str, Any]) -> DativoError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class SettingsError(DativoError):
    """A setting is unknown, mistyped, or points to something that cannot be used."""

    code = "settings"
    retryable = False
    cause = (
        "A setting is unknown, has a wrong type or value, or names something that cannot be used: a folder that "
        "cannot be written, a catalog that is not installed."
    )
    data = (
        "Nothing of the open epoch is published. Most settings are checked before the first line is read: then "
        "nothing was."
    )
    remedy = "Change the setting that the message names; it says which are near, or what is allowed."
    command = "target-dativo-iceberg --about --format=markdown"


class ContractError(DativoError):
    """A contract document cannot be read or enforced."""

    code = "contract"
    retryable = False
    cause = "A contract cannot be read or enforced, or does not fit the stream's SCHEMA. The message has file and line."
    data = "Nothing was published for streams of this contract. Epochs before it stay, with their STATE."
    remedy = "Mend the contract at the line that is named."
    command = "dativo check contracts/orders.yaml"


class InputError(DativoError):
    """A line on standard input is not a usable Singer message."""

    code = "input"
    retryable: ClassVar[bool | None] = None
    cause = (
        "A line on standard input is no usable Singer message, or the input ended before the tap did: the tap "
        "died, was cut off, or printed something else."
    )
    data = "The open epoch is not published. Epochs before it stay, with their STATE; the next run goes on from there."
    remedy = "Look at the tap's own log first. If it died, run again. If it printed the line, mend the tap."
    command = "tap-example --config tap.json > messages.jsonl"


class RecordBeforeSchemaError(InputError):
    """A RECORD or BATCH names a stream whose SCHEMA has not come."""

    code = "record_before_schema"
    retryable = False
    cause = "The tap sent a RECORD or BATCH of a stream before the stream's SCHEMA, which Singer forbids."
    data = "The open epoch is not published. Epochs before it stay, with their STATE."
    remedy = "Mend or update the tap. A stream map that renames a stream must rename its SCHEMA too."
    command = "tap-example --config tap.json | head -n 20"


class ViolationError(DativoError):
    """Records break the contract and the contract's policy is to fail."""

    code = "violation"
    retryable = False
    cause = (
        "Records break the contract and its policy is to fail, more of them than a threshold allows, or a check "
        "over the rows failed."
    )
    data = (
        "The epoch with these records is not published. Epochs before it stay, with their STATE. No record is "
        "lost: the tap still has them."
    )
    remedy = (
        "Mend the data at the source or the contract. To load what is good and keep the rest with its reasons, "
        "set `on_violation` to `quarantine`."
    )
    command = "dativo check contracts/orders.yaml"


class MissingKeyError(ViolationError):
    """A record lacks one of the stream's key properties."""

    code = "missing_key"
    retryable = False
    cause = "A record lacks one of the stream's key properties, so it can be neither merged nor told from others."
    data = "The epoch with these records is not published. Epochs before it stay, with their STATE."
    remedy = "Mend the tap or the contract's primary key, or set `on_violation` to `quarantine`."
    command = "tap-example --config tap.json --discover"


class EvolutionError(DativoError):
    """Contract, stream and table do not fit together under the evolution policy."""

    code = "evolution"
    retryable = False
    cause = (
        "Contract, stream and table do not fit together, and the evolution policy does not allow the change that "
        "would make them fit."
    )
    data = "The table is as it was. Epochs before it stay, with their STATE."
    remedy = (
        "Look at the plan. Then allow the change (`evolution`, `on_incompatible`), raise the contract's version, "
        "or mend the contract."
    )
    command = "dativo plan --config config.json --catalog-file catalog.json"


class StoreError(DativoError):
    """The catalog or the file store refused or did not answer."""

    code = "store"
    retryable = True
    cause = (
        "The catalog or the file store did not answer, or refused for a reason that may pass: it is down or too busy, "
        "its disk is full, or keys have expired."
    )
    data = "The open epoch is not published. Epochs before it stay, with their STATE."
    remedy = (
        "Check that the service runs and that the keys still hold, as the message says, then run again. A try that "
        "ends the same way damages nothing."
    )
    command = "dativo check --config job.yaml"


class StoreRefusedError(StoreError):
    """The catalog or the file store refused for a reason that does not go away by itself."""

    code = "store_refused"
    retryable = False
    cause = (
        "The catalog or the file store does not accept the keys, does not let them do what the load needs, or knows "
        "no such bucket or region; or the folder of the warehouse may not be written."
    )
    data = "The open epoch is not published. Epochs before it stay, with their STATE."
    remedy = (
        "Correct the keys, what they may do, or the setting that the message names, then run again. No try was made "
        "again by itself, since all would end the same way."
    )
    command = "dativo check --config job.yaml"


class CheckpointError(DativoError):
    """A table's checkpoint is not one that the target wrote."""

    code = "checkpoint"
    retryable = False
    cause = (
        "An earlier run was cut off, and the table property `dativo.checkpoint.JOB`, which would say how far the job "
        "is, was edited or damaged."
    )
    data = "Nothing was read and nothing was published. Whether the last epoch landed is not guessed."
    remedy = (
        "Look into the table for the rows of the last run, and set the state that holds: the run's journal, beside "
        "`state.json`, has the STATE of each epoch. The next publish writes the property anew."
    )
    command = "dativo state set --config job.yaml --file state.json"


class ClusterLostError(StoreError):
    """The Ray cluster of a load is gone: its head, or the node that the load had joined."""

    code = "cluster_lost"
    retryable = True
    cause = (
        "The head of the Ray cluster over which the load is spread, or the node that the load had joined, died or "
        "cannot be reached any more."
    )
    data = (
        "The open epoch is not published. Epochs before it stay, with their STATE. Files that its workers wrote may be "
        "left; no snapshot names them."
    )
    remedy = (
        "Look why the head died, in Ray's own logs there; start the cluster anew and run again. `dativo maintain "
        "--remove-orphans` removes the files that are left."
    )
    command = "ray status"


class ConflictError(StoreError):
    """A table moved between staging and publishing."""

    code = "conflict"
    retryable = True
    cause = (
        "Another writer changed the same table between staging and publishing, again and again until the time limit."
    )
    data = "The open epoch is not published. What the other writer published is untouched."
    remedy = "Run again. If it comes back, give the writers times of their own."
    command = "dativo run --config job.yaml"


class UnknownOutcomeError(StoreError):
    """A commit got no usable answer; whether it landed is looked up before anything else is done."""

    code = "unknown_outcome"
    retryable = True
    cause = "A commit got no usable answer, and looking for its checkpoint gave none either."
    data = (
        "The epoch may be published or may be published late, whole. Its files are kept. Its STATE was not "
        "printed, so keyed streams and `dativo run` load nothing twice; an append stream in a bare pipe may "
        "repeat this one epoch."
    )
    remedy = "Check that the catalog runs, then run again: the checkpoint in the table is looked at first."
    command = "dativo run --config job.yaml"


class MachineError(DativoError):
    """The machine, or a limit set on the process, gives no more memory or threads."""

    code = "machine"
    retryable = None
    cause = "The machine, or a limit set on the process or container, gives no more memory or threads."
    data = "The open epoch is not published. Epochs before it stay, with their STATE."
    remedy = "Give the process more, or lower `memory_limit_mb`. A short shortage passes by itself: run again."
    command = "dativo run --config job.yaml"


class Interrupted(DativoError):
    """SIGTERM or SIGINT: the open epoch was dropped.

    Args:
        signum: number of the signal; the exit code is 128 + signum.

    """

    code = "interrupted"
    retryable = None
    cause = (
        "The process, or `dativo` over it, got SIGTERM or SIGINT: a scheduler, a shutdown or a person stopped it. The "
        "exit code is 128 + the signal's number."
    )
    data = "A publish under way was finished and its STATE printed. The open epoch is not published."
    remedy = "Run again when whoever stopped it is ready: it goes on from the last STATE."
    command = "dativo run --config job.yaml"

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
