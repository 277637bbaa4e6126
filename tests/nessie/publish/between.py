"""Proxies between the target and both of its servers: Nessie names the S3 endpoint, so its answers are rewritten."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.faults.proxy import Proxy, Rule, proxying
from tests.nessie.publish.landing import Landing
from tests.target.running import Ended

_WRITES = ("PUT", "POST", "DELETE")
# What ends a run by foreseen means never holds.
_UNFORESEEN = ("Traceback", "fault of the target")


@dataclass
class Between:
    """What goes through, and the settings with which the target goes through it."""

    nessie: Proxy
    s3: Proxy
    settings: dict[str, Any]

    def written(self) -> set[str]:
        """Keys of objects that something was asked to write or to delete."""
        return {re.split("[?]", r.path)[0] for r in self.s3.requests if r.method in _WRITES}


@contextmanager
def between(
    landing: Landing, rule: Rule | None = None, *, vended: Mapping[str, str] | None = None, nested: bool = False
) -> Iterator[Between]:
    """Run both proxies.

    Args:
        landing: whose stack.
        rule: what happens to requests to S3.
        vended: properties that load-table answers hold for the file system besides Nessie's.
        nested: they come as `storage-credentials`, not in `config`.

    """
    with proxying(landing.stack.s3_endpoint, rule) as s3:

        def rewrite(body: bytes) -> bytes:
            body = body.replace(landing.stack.s3_endpoint.encode(), s3.uri.encode())
            return _with_credentials(body, vended, nested=nested) if vended else body

        with proxying(landing.stack.nessie_uri, rewrite=rewrite) as nessie:
            yield Between(nessie, s3, {"nessie_uri": nessie.uri, "request_timeout_seconds": 2})


def _with_credentials(body: bytes, vended: Mapping[str, str], *, nested: bool) -> bytes:
    """A load-table answer as a catalog gives it that hands out keys; any other answer as it is."""
    if not body.startswith(b"{") or b'"metadata"' not in body:
        return body
    answer = json.loads(body)
    if nested:
        answer["storage-credentials"] = [{"prefix": "s3://", "config": dict(vended)}]
    else:
        answer["config"] = answer.get("config", {}) | dict(vended)
    return json.dumps(answer).encode()


def ended_with_one_line(ended: Ended) -> None:
    """Check that a run failed, in one line, by what was foreseen."""
    assert ended.code == 1, ended.log
    assert len(ended.errors) == 1, ended.log
    assert not any(words in ended.log for words in _UNFORESEEN), ended.log
