"""A tenant's secrets from a manager that has them by name: a bundle of many, and single ones, where templates say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from dativo_ingest.secrets.asking import refused
from dativo_ingest.secrets.bundle import Secrets, parsed
from dativo_ingest.secrets.settings import Entry, Templates, placed

E = TypeVar("E", bound=Entry)


def insist(manager: str, wanted: Templates) -> None:
    """Check what no single setting shows.

    Raises:
        OrchestratorError: nothing is asked for, or two templates could name one place for two tenants.

    """
    if not wanted.secrets and wanted.bundle_secret_id_template is None:
        raise refused(manager, "is asked for nothing", "settings 'secrets' and 'bundle_secret_id_template'")
    given = [wanted.bundle_secret_id_template, *(one.id or wanted.secret_id_template for one in wanted.secrets)]
    if len({one.partition("{tenant}")[0] for one in given if one}) > 1:
        which = "'secret_id_template', 'bundle_secret_id_template' and 'id': the same text before {tenant}"
        raise refused(manager, "has templates by which two tenants could share a place", which)


def gathered(
    manager: str, tenant: str, wanted: Templates, secrets: Sequence[E], ask: Callable[[str, E | None], bytes | str]
) -> Secrets:
    """Ask for the bundle and for each secret; a secret goes before a bundle's member of its name.

    Args:
        manager: its name, for warnings.
        tenant: checked name.
        wanted: settings, with the templates.
        secrets: those settings' secrets.
        ask: returns the payload at a place, or the warning that says why there is none.

    Raises:
        OrchestratorError: what `ask` raises.

    """
    values: dict[str, Any] = {}
    warnings = []
    for place, entry, form in _places(tenant, wanted, secrets):
        payload = ask(place, entry)
        if isinstance(payload, str):
            warnings.append(payload)
            continue
        try:
            found = parsed(payload.decode("utf-8"), form)
        except ValueError:
            warnings.append(f"secret '{place}' of {manager} is not {form or 'UTF-8 text'}; it is left out")
            continue
        if entry is not None:
            values[entry.name] = found
        elif isinstance(found, dict):
            values |= found
        else:
            warnings.append(f"bundle '{place}' of {manager} is no JSON object; it is left out")
    return Secrets(values, tuple(warnings))


def _places(tenant: str, wanted: Templates, secrets: Sequence[E]) -> Iterator[tuple[str, E | None, str]]:
    if wanted.bundle_secret_id_template is not None:
        yield placed(wanted.bundle_secret_id_template, tenant), None, wanted.bundle_format
    for entry in secrets:
        yield placed(entry.id or wanted.secret_id_template, tenant, entry.name), entry, entry.format or ""
