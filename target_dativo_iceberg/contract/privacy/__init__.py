"""Protected columns leave their clear form before anything is written; readers of them use `read_key` and `decrypt`."""

from __future__ import annotations

from target_dativo_iceberg.contract.privacy.key import read_key
from target_dativo_iceberg.contract.privacy.seal import decrypt

__all__ = ["decrypt", "read_key"]
