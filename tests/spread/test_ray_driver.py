"""What the process that is attached to Ray says of a task gets through, whatever it is."""

import io
import pickle

from target_dativo_iceberg.errors import StoreError
from target_dativo_iceberg.spread.ray_driver import Answer, _Attached


class TwoWordsError(Exception):
    """Cannot be made again from what pickle keeps of it."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first + second)


def _answered(error: BaseException) -> Answer:
    def work() -> bytes:
        raise error

    said = io.BytesIO()
    assert not _Attached(said).answer(7, work)
    return pickle.loads(said.getvalue())  # type: ignore[no-any-return]


def test_an_error_comes_as_it_is() -> None:
    answer = _answered(StoreError("no space", "make some"))
    assert answer.number == 7
    assert isinstance(answer.error, StoreError)
    assert (answer.error.message, answer.error.hint) == ("no space", "make some")


def test_an_error_that_cannot_be_sent_comes_by_its_name() -> None:
    assert str(_answered(TwoWordsError("a value", "of a record")).error) == "TwoWordsError on a node of Ray"
