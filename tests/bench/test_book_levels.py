"""The measurement of order books: each way reads the same."""

from bench.book_levels import BY_HAND, measure
from websocket_v6.protocol.fast import IMPLEMENTATION


def test_each_way_is_measured_against_doing_it_by_hand() -> None:
    found = measure(markets=5, count=40, turns=2)
    ways = {BY_HAND, "Python", *(["C"] if IMPLEMENTATION == "C" else [])}
    assert set(found) == {(kind, way) for kind in ("live-like", "random sizes") for way in ways}
    assert all(len(ratios) == 2 and min(ratios) > 0 for ratios in found.values())
    assert all(ratio == 1 for (_, way), ratios in found.items() if way == BY_HAND for ratio in ratios)
