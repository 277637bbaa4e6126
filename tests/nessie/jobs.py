"""What jobs on the stack have in common: where their rows go, and the variables that say where that is."""

from __future__ import annotations

from typing import Any

from dativo_ingest.stack import LocalStack

TARGET: dict[str, Any] = {
    "connection": {
        "nessie": {"uri": "${NESSIE_URI}"},
        "s3": {
            "endpoint": "${S3_ENDPOINT}",
            "access_key_id": "${AWS_ACCESS_KEY_ID}",
            "secret_access_key": "${AWS_SECRET_ACCESS_KEY}",
            "region": "${AWS_REGION}",
        },
    }
}
"""The target of a job."""


def variables(stack: LocalStack) -> dict[str, str]:
    """The variables that `TARGET` names."""
    return {
        "NESSIE_URI": stack.nessie_uri,
        "S3_ENDPOINT": stack.s3_endpoint,
        "AWS_ACCESS_KEY_ID": stack.s3_access_key_id,
        "AWS_SECRET_ACCESS_KEY": stack.s3_secret_access_key,
        "AWS_REGION": stack.s3_region,
    }
