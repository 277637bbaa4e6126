"""The SDK's own target tests, all of them."""

from __future__ import annotations

import tempfile

from singer_sdk.testing import get_target_test_class

from target_dativo_iceberg.target import TargetDativoIceberg

_WAREHOUSE = tempfile.mkdtemp(prefix="dativo-sdk-tests-")

TestStandard = get_target_test_class(TargetDativoIceberg, config={"warehouse": _WAREHOUSE})
