"""A local Nessie and S3 store on loopback, without Docker: for tests, and for trying the target out."""

from dativo_ingest.stack.errors import StackError
from dativo_ingest.stack.local import LocalStack

__all__ = ["LocalStack", "StackError"]
