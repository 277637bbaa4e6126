"""What can go wrong with a call to Nessie, grouped by what the caller does next."""

from __future__ import annotations

import msgspec


class Conflict(msgspec.Struct, frozen=True, rename="camel"):
    """Why Nessie refused a change of one key: `VALUE_DIFFERS`, `KEY_EXISTS`, `UNEXPECTED_HASH` and others."""

    conflict_type: str | None = None
    key: dict[str, tuple[str, ...]] | None = None

    @property
    def path(self) -> tuple[str, ...]:
        """Namespace and name of the table in conflict; empty for a conflict of a whole reference."""
        return self.key.get("elements", ()) if self.key else ()


class NessieError(Exception):
    """A call to Nessie failed. `status` is the HTTP status (None: no answer), `code` Nessie's errorCode."""

    hint = "look into the server's log"

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        conflicts: tuple[Conflict, ...] = (),
    ) -> None:
        super().__init__(f"{message}; {self.hint}.")
        self.status = status
        self.code = code
        self.conflicts = conflicts


class ReferenceMissing(NessieError):
    """The branch, tag or commit does not exist."""

    hint = "check its name, or create it first"


class ContentMissing(NessieError):
    """The reference exists and has no such table."""

    hint = "check the table's namespace and name on this reference"


class ReferenceExists(NessieError):
    """A reference of this name is there already."""

    hint = "use it, or choose another name"


class ReferenceConflict(NessieError):
    """The reference or its keys have changed since they were read; nothing was changed by this call."""

    hint = "read the reference again and repeat on its new head"


class NessieRefused(NessieError):
    """Nessie takes the request for wrong; repeating it is of no use."""

    hint = "correct the name or setting it speaks of"


class NessieUnauthorized(NessieError):
    """Nessie, or the token server, does not accept the credentials, or they do not allow this."""

    hint = "check the token or the OAuth2 client, and what it may do"


class NessieUnavailable(NessieError):
    """No answer, and nothing was changed: safe to try again later."""

    hint = "check that the server runs and that the address is right, then try again"


class OutcomeUnknown(NessieError):
    """A change was sent and not clearly answered: it may have happened, or may still happen."""

    hint = "read the reference back before sending the change again"
