"""The page: one HTML file that needs nothing from anywhere, runs no script, and escapes all it shows."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from importlib import metadata, resources
from pathlib import Path

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from dativo_ingest import private_files
from dativo_ingest.errors import StateError
from dativo_ingest.reports.view import Page

_TEMPLATE = "report.html.j2"


def html(page: Page) -> str:
    """Return the page as HTML."""
    files = resources.files("dativo_ingest.reports") / "templates"
    style = (files / "report.css").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True,
        loader=DictLoader({_TEMPLATE: (files / _TEMPLATE).read_text(encoding="utf-8")}),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template(_TEMPLATE).render(
        page=page,
        style=Markup(style),  # noqa: S704 - it is ours
        style_hash=f"sha256-{digest}",
        version=metadata.version("target-dativo-iceberg"),
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def write_html(page: Page, path: Path) -> None:
    """Write the page, whole or not at all, for its owner only.

    Raises:
        StateError: it cannot be written.

    """
    try:
        private_files.write(path, html(page).encode())
    except OSError as error:
        raise StateError(f"the page cannot be written to {path} ({error.strerror})", "check --html") from error
