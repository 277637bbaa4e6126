"""Columns of JSON tokens, made ten thousand at a time by Arrow kernels: the text between `"name": ` and the comma.

Tokens are what `json.dumps` would write, so that a stream looks as if a Python tap had written it.
"""

import json
from collections.abc import Callable
from datetime import date, timedelta
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

Draw = Callable[[pa.Array, int], pa.Array]
"""Tokens of the rows with these ids (int64); the second argument seeds what is drawn at random."""

NULL = pa.scalar("null")
WORDS = tuple(
    word
    for line in (
        "order parcel left the depot customer asked for a later delivery driver rang twice no answer neighbour",
        "signed return label printed refund pending address checked by phone gift wrap requested façade “fragile”",
        'glass upper floor code 4711 pay on arrival second attempt tomorrow morning route changed "urgent" flag set',
    )
    for word in line.split(" ")
)


def integers(low: int, high: int) -> Draw:
    """Whole numbers from low up to, but not including, high."""
    return lambda ids, seed: pc.cast(_whole(len(ids), low, high, seed), pa.string())


def row_id(ids: pa.Array, seed: int) -> pa.Array:
    """The row's own id: distinct in the whole stream."""
    return pc.cast(ids, pa.string())


def one_of(*values: object) -> Draw:
    """One of a few values, all as likely."""
    pool = pa.array([json.dumps(value) for value in values])
    return lambda ids, seed: _pick(pool, len(ids), seed)


def text(low: int, high: int, pool_size: int = 4096) -> Draw:
    """Sentences of low to high characters, out of a pool; a few letters are not ASCII and some need escapes."""
    return lambda ids, seed: _pick(_sentences(low, high, pool_size), len(ids), seed)


def email(ids: pa.Array, seed: int) -> pa.Array:
    """An address that no other row has."""
    host = _pick(pa.array(["example.com", "example.org", "mail.example.net"]), len(ids), seed)
    return _join('"customer.', pc.cast(ids, pa.string()), "@", host, '"')


def distinct_text(low: int, high: int) -> Draw:
    """As `text`, begun with the row's id, so that no two rows hold the same."""
    return lambda ids, seed: _join(
        '"', pc.cast(ids, pa.string()), " ", pc.utf8_slice_codeunits(text(low, high)(ids, seed), 1)
    )


def decimal(high: int, scale: int = 2) -> Draw:
    """A JSON number from 0 up to high with at most `scale` digits after the point, as Python prints it."""
    return lambda ids, seed: _join(
        pc.cast(_whole(len(ids), 0, high, seed), pa.string()), _pick(_fractions(scale), len(ids), seed + 1)
    )


def timestamp(zones: tuple[str, ...], days: int = 731) -> Draw:
    """An instant in one of `days` from 2024 on in ISO 8601, microseconds, with one of these zones ("" for none)."""
    ends = pa.array([f'{zone}"' for zone in zones])
    return lambda ids, seed: _join(
        _pick(_days('"').slice(0, days), len(ids), seed),
        _pick(_seconds(), len(ids), seed + 1),
        pc.utf8_slice_codeunits(pc.cast(_whole(len(ids), 1_000_000, 2_000_000, seed + 2), pa.string()), 1),
        _pick(ends, len(ids), seed + 3),
    )


def day(ids: pa.Array, seed: int) -> pa.Array:
    """A date of 2024 or 2025."""
    return _join(_pick(_days('"'), len(ids), seed), '"')


def nullable(draw: Draw, share: float) -> Draw:
    """The same, with this share of nulls."""
    return lambda ids, seed: pc.if_else(pc.less(_uniform(len(ids), seed + 9), share), NULL, draw(ids, seed))


def members(**draws: Draw) -> Draw:
    """A JSON object."""

    def draw(ids: pa.Array, seed: int) -> pa.Array:
        parts: list[pa.Array | str] = []
        for place, (name, each) in enumerate(draws.items()):
            parts += [f"{', ' if place else '{'}{json.dumps(name)}: ", each(ids, seed + 13 * place)]
        return _join(*parts, "}")

    return draw


def items(item: Draw, low: int, high: int) -> Draw:
    """A JSON array of low to high items."""

    def draw(ids: pa.Array, seed: int) -> pa.Array:
        count = _whole(len(ids), low, high + 1, seed)
        tokens = _join("[", *([item(ids, seed + 1)] if low else []))
        for place in range(low, high):
            separator = ", " if place else ""
            longer = _join(tokens, separator, item(ids, seed + 17 * (place + 1)))
            tokens = pc.if_else(pc.greater(count, place), longer, tokens)
        return _join(tokens, "]")

    return draw


def _join(*parts: pa.Array | str) -> pa.Array:
    return pc.binary_join_element_wise(*parts, "")


def _uniform(count: int, seed: int) -> pa.Array:
    return pc.random(count, initializer=seed)


def _whole(count: int, low: int, high: int, seed: int) -> pa.Array:
    # float to int by truncation; random() is below 1, so high is never reached
    drawn = pc.cast(pc.multiply(_uniform(count, seed), float(high - low)), pa.int64(), safe=False)
    return pc.add(drawn, low)


def _pick(pool: pa.Array, count: int, seed: int) -> pa.Array:
    return pc.take(pool, _whole(count, 0, len(pool), seed))


@cache
def _fractions(scale: int) -> pa.Array:
    step = 10**scale
    least = step // 1000  # smaller ones would be printed with an exponent
    numbers = range(step) if step <= 1000 else (n * 982_451_653 % (step - least) + least for n in range(1000))
    return pa.array([f".{number:0{scale}d}".rstrip("0") if number else ".0" for number in numbers])


@cache
def _days(prefix: str) -> pa.Array:
    first = date(2024, 1, 1)
    return pa.array([f"{prefix}{first + timedelta(days=n)}" for n in range(731)])


@cache
def _seconds() -> pa.Array:
    return pa.array([f"T{n // 3600:02d}:{n // 60 % 60:02d}:{n % 60:02d}." for n in range(86_400)])


@cache
def _sentences(low: int, high: int, size: int) -> pa.Array:
    def sentence(number: int) -> str:
        state, words, length = number * 2_654_435_761 % 2**32, [], 0
        goal = low + state % (high - low + 1)
        while length < goal:
            state = (state * 1_664_525 + 1_013_904_223) % 2**32
            words.append(WORDS[(state >> 16) % len(WORDS)])
            length += len(words[-1]) + 1
        return json.dumps(" ".join(words)[:goal])

    return pa.array([sentence(number) for number in range(1, size + 1)])
