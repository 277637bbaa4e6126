"""What stores and catalogs raise becomes an error that says whether the same run may end well later."""

from __future__ import annotations

import errno

import pytest
from pyiceberg.exceptions import ForbiddenError, ServerError, ServiceUnavailableError, UnauthorizedError
from requests import ConnectTimeout

from target_dativo_iceberg.errors import StoreError, StoreRefusedError, UnknownOutcomeError
from target_dativo_iceberg.store_errors import store_errors

_SECRET = "s3://bucket/key"


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (OSError(errno.EACCES, _SECRET), StoreRefusedError),
        (OSError(errno.EROFS, _SECRET), StoreRefusedError),
        (OSError(errno.ENOSPC, _SECRET), StoreError),
        (OSError(f"{_SECRET}: AWS Error ACCESS_DENIED during PutObject"), StoreRefusedError),
        (OSError(f"{_SECRET}: AWS Error UNKNOWN (HTTP status 503)"), StoreError),
        (OSError(_SECRET), StoreError),
        (UnauthorizedError(_SECRET), StoreRefusedError),
        (ForbiddenError(_SECRET), StoreRefusedError),
        (ServerError(_SECRET), StoreError),
        (ServiceUnavailableError(_SECRET), UnknownOutcomeError),
        (ConnectTimeout(_SECRET), UnknownOutcomeError),
    ],
    ids=repr,
)
def test_what_does_not_go_away_by_itself_is_not_worth_another_try(raised: Exception, kind: type[StoreError]) -> None:
    with pytest.raises(StoreError) as caught, store_errors("publishing", writing=True):
        raise raised
    assert type(caught.value) is kind
    assert caught.value.retryable is (kind is not StoreRefusedError)
    assert _SECRET not in str(caught.value)
