"""The local stack and branches of Nessie's own tests."""

from tests.nessie.conftest import _shared_downloads, beginning, branch, nessie, stack  # noqa: F401 - fixtures
