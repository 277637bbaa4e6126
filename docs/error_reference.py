"""The page `docs/errors.md`, made from the error trees of the packages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from dativo_ingest.endings import ENDINGS
from dativo_ingest.errors import FaultError, OrchestratorError
from dativo_ingest.metadata_catalogs.refusal import RefusedError
from tap_adapters.airbyte.errors import AlreadyTold, SourceFailed
from tap_adapters.common.errors import TapError
from target_dativo_iceberg.contract.privacy.seal import DecryptError
from target_dativo_iceberg.errors import DativoError

# Errors that stand outside the modules of their trees; naming them here has them imported.
ELSEWHERE = (DecryptError, RefusedError, SourceFailed)
# Errors that are told under another one's code.
SHARED = (FaultError, AlreadyTold)

_WORDS = {True: "yes", False: "no", None: "unknown"}
_HEAD = """# Errors

Made by `make docs` from the error trees; do not edit. Every error has a code that never changes. It stands

- in the target's and the taps' log line, `code: what, where: what to do (retryable: no)`;
- in the target's run report, as `error: {code, message, hint, retryable}`;
- in the job's report and in `dativo run --json`, as `cause`, with `error` (the sentence) and `retryable` beside it;
- in the events `job_error` and `job_finished`, as `cause` and `retryable`.

`retryable` says whether the same run, started again with nothing changed, may end well: `true`, `false`, or `null` when
it cannot be known. `dativo`'s own [retries](orchestrator.md#retries) never repeat what is `false`; a scheduler does
well to do the same, with a bound on the tries. What another try does to the data is in the [guarantees](guarantees.md).

Messages name stream, line and JSON path, never a record's value or the value of a setting.
"""
_TREES = (
    ("Of the target", "`target-dativo-iceberg` ends with exit code 1, or 128 + n on a signal.", DativoError),
    ("Of dativo", "`dativo` ends with exit code 2. A run can also have any code of the target as its cause.", ENDINGS),
    ("Of the taps that come along", "The tap ends with exit code 1; under `dativo` the cause is `source`.", TapError),
)


class Explained(Protocol):
    """What an error, or an ending, says of itself."""

    code: str
    retryable: bool | None
    cause: str
    data: str
    remedy: str
    command: str


def tree(root: type[Exception]) -> Iterator[type[Exception]]:
    """Yield a class of errors and all below it, in the order of their definition."""
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


def explained() -> Iterator[tuple[str, str, list[Explained]]]:
    """Yield each part of the page: its title, what it says first, and its errors."""
    for title, said, root in _TREES:
        found = [] if isinstance(root, tuple) else list(tree(root))
        if isinstance(root, tuple):
            found = [*tree(OrchestratorError), *root]
        yield title, said, [one for one in found if one not in SHARED]  # type: ignore[misc]


def reference() -> str:
    """Return the page."""
    lines = [_HEAD]
    for title, said, errors in explained():
        lines += [f"## {title}", "", said, "", "| code | retryable | cause |", "| --- | --- | --- |"]
        for one in errors:
            lines.append(f"| [`{one.code}`](#{one.code}) | {_WORDS[one.retryable]} | {one.cause} |")
        lines.append("")
        lines += [line for one in errors for line in _section(one)]
    return "\n".join(lines).rstrip() + "\n"


def _section(one: Explained) -> list[str]:
    return [
        f"### {one.code}",
        "",
        one.cause,
        "",
        f"- **The data**: {one.data}",
        f"- **What to do**: {one.remedy}",
        f"- **Command**: `{one.command}`",
        f"- **Retryable**: {_WORDS[one.retryable]}",
        "",
    ]
