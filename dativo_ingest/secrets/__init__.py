"""Secrets of a tenant: where they lie, how they are read. They are values in memory, never in a file of ours."""

from dativo_ingest.secrets.bundle import Secrets
from dativo_ingest.secrets.managers import MANAGERS, SIGNED_IN_WITH, load_secrets

__all__ = ["MANAGERS", "SIGNED_IN_WITH", "Secrets", "load_secrets"]
