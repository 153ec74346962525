"""The measurement of memory does measure: each part is there, and more is read, the more is held."""

from bench.memory import KINDS, LARGEST, measure_books, measure_events, measure_subscriptions


def test_an_event_of_which_more_was_read_takes_more() -> None:
    for kind in KINDS:
        waits, price, whole = measure_events(kind, count=50).values()
        assert 0 < waits < price <= whole


def test_the_largest_parts_of_a_subscription_are_named_by_their_lines() -> None:
    total, largest = measure_subscriptions(50)
    assert len(largest) == LARGEST
    assert total > sum(size for _, size in largest)
    assert all(":" in place and size > 0 for place, size in largest)


def test_a_book_of_which_all_levels_were_read_takes_more() -> None:
    came, read = measure_books(60).values()
    assert 0 < came < read
