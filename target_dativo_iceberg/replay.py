"""`dativo replay`: rejected records go through the contract as it is now; what passes lands, marked in the same commit.

A record of the quarantine table `<table>__quarantine` that its contract accepts now is appended to `<table>`, and its
quarantine row gets `_replayed_at`, in one commit of both tables: whoever reads them sees it in exactly one of two
states. A record that still breaks the contract stays as it is. Nothing is ever replayed twice: the commit replaces
the quarantine files it has read, so two replays at a time cannot both win; the loser reads anew.

Exit codes: 0 every record tried was replayed, or none waited; 1 some still break the contract; 2 a failure, said in
one line on stderr; 128 + n on signal n.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from target_dativo_iceberg import command, log, names
from target_dativo_iceberg.errors import ConflictError, SettingsError, StoreError
from target_dativo_iceberg.names import QUARANTINE as SUFFIX
from target_dativo_iceberg.quarantined import Selection

if TYPE_CHECKING:
    from target_dativo_iceberg.settings import Settings

_TRIES = 10


@dataclass(slots=True)
class ReplayReport:
    """What a replay did.

    Attributes:
        table: the one that replayed records go to.
        quarantine: the one that they wait in.
        tried: records that were held against the contract.
        replayed: of these, the ones that landed.
        by_rule: per rule that had rejected them: tried and replayed.
        broken_by: records that stay, per rule that rejects them now.
        snapshots: ids by table name.

    """

    table: str
    quarantine: str
    tried: int = 0
    replayed: int = 0
    by_rule: dict[str, list[int]] = field(default_factory=dict)
    broken_by: Counter[str] = field(default_factory=Counter)
    snapshots: dict[str, int] = field(default_factory=dict)

    @property
    def broken(self) -> int:
        """Records that still break the contract."""
        return self.tried - self.replayed

    def count(self, rules: Sequence[str], *, replayed: bool) -> None:
        """Enter a record with the rules that had rejected it."""
        self.tried += 1
        self.replayed += replayed
        for rule in set(rules):
            found = self.by_rule.setdefault(rule, [0, 0])
            found[0] += 1
            found[1] += replayed

    def as_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "table": self.table,
            "quarantine": self.quarantine,
            "tried": self.tried,
            "replayed": self.replayed,
            "still_broken": self.broken,
            "by_rule": {rule: {"tried": t, "replayed": r} for rule, (t, r) in sorted(self.by_rule.items())},
            "broken_by": dict(self.broken_by.most_common()),
            "snapshots": {name: str(i) for name, i in self.snapshots.items()},
        }

    def lines(self) -> list[str]:
        """Text for people."""
        if not self.tried:
            return [f"nothing to replay in {self.quarantine}"]
        found = [
            f"{self.quarantine}: {self.tried} records tried, {self.replayed} replayed into {self.table}, "
            f"{self.broken} still break the contract"
        ]
        width = max(map(len, [*self.by_rule, *self.broken_by]))
        found += [f"  rejected by {r:<{width}}  {c[0]} tried, {c[1]} replayed" for r, c in sorted(self.by_rule.items())]
        found += [f"  broken now: {r:<{width}}  {n}" for r, n in self.broken_by.most_common()]
        return found


def main(words: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _parser().parse_args(words)
    return command.reported(lambda: _run(options))


def _parser() -> argparse.ArgumentParser:
    found = command.parser("replay", "Send quarantined records through the contract as it is now.")
    found.add_argument("--table", required=True, metavar="NS.TABLE", help="the good table, not its quarantine")
    found.add_argument("--rule", action="append", default=[], metavar="ID", help="only records that broke this rule")
    found.add_argument("--run", action="append", default=[], metavar="RUN_ID", help="only records this run rejected")
    found.add_argument("--limit", type=_count, metavar="N", help="try at most N records")
    found.add_argument("--singer", action="store_true", help="print them as SCHEMA and RECORD, and mark none")
    return found


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a whole number from 1")
    return int(text)


def _run(options: argparse.Namespace) -> int:
    settings = command.settings_of(options.config)
    identifier = identifier_of(options.table, settings)
    selection = Selection(options.rule, options.run, options.limit)
    if options.singer:
        from target_dativo_iceberg.replay_singer import print_messages  # noqa: PLC0415 - Arrow and PyIceberg are heavy

        return print_messages(settings, identifier, selection)
    report = replay(settings, identifier, selection)
    if options.json:
        command.print_json(report.as_dict())
    else:
        sys.stdout.write("".join(f"{log.one_line(line)}\n" for line in report.lines()))
    return command.PARTLY if report.broken else command.DONE


def identifier_of(name: str, settings: Settings) -> tuple[str, ...]:
    """Return the table that `--table` names; without a namespace it is in the settings' one.

    Raises:
        SettingsError: it is no table's name, or that of a quarantine table.

    """
    namespace, _, table = name.rpartition(".")
    if not table or table.endswith(SUFFIX):
        raise SettingsError(f"--table must name the good table, as NS.TABLE without {SUFFIX}", "mend --table")
    return (*names.namespace(namespace or settings.namespace or "default"), table)


def replay(settings: Settings, identifier: tuple[str, ...], selection: Selection) -> ReplayReport:
    """Replay the records that wait, all that pass in one commit.

    Args:
        settings: of the target.
        identifier: the good table.
        selection: which of them.

    Raises:
        ContractError: the contract cannot be used.
        StoreError: there is no such table, or the catalog refused; nothing is replayed.

    """
    from target_dativo_iceberg.replay_attempt import Attempt, opened  # noqa: PLC0415 - Arrow and PyIceberg are heavy

    store = opened(settings, identifier)
    for number in range(1, _TRIES + 1):
        attempt = Attempt(settings, store, identifier, number)
        try:
            return attempt.run(replace(selection))
        except ConflictError:
            log.say(f"another writer changed {'.'.join(identifier)}{SUFFIX} meanwhile; it is read anew")
    raise StoreError(f"other writers changed the same rows {_TRIES} times during this replay", "run again")


if __name__ == "__main__":
    command.program(main)
