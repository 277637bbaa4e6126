"""Protected columns leave their clear form before anything is written; `decrypt` and `read_key` are for readers of them."""

from __future__ import annotations

from target_dativo_iceberg.contract.privacy.key import read_key
from target_dativo_iceberg.contract.privacy.seal import decrypt

__all__ = ["decrypt", "read_key"]
