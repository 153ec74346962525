"""What a row of the model's log holds, by its number."""

import functools

__all__ = ["ALL", "A", "B", "C", "messages_of"]

A, B, C = "trade KRW-BTC", "trade KRW-ETH", "ticker KRW-BTC"
ALL = frozenset({A, B, C})
ROWS = ((A,), (A, B, A, A), (B, C), (C, A, B))


@functools.cache
def messages_of(number: int) -> tuple[tuple[str, int], ...]:
    """Return the messages of a row: the stream of each, and the how manieth of that it is."""
    rounds, rest = divmod(number, len(ROWS))
    counts = {stream: rounds * sum(row.count(stream) for row in ROWS) for stream in ALL}
    before = [stream for row in ROWS[:rest] for stream in row]
    for stream in before:
        counts[stream] += 1
    found = []
    for stream in ROWS[rest]:
        counts[stream] += 1
        found.append((stream, counts[stream]))
    return tuple(found)
