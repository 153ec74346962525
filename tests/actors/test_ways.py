"""A way is told from any other by what it is, not by what it says."""

from collections.abc import Sequence

from websocket_v6.actors.ways import Mouth, Way
from websocket_v6.protocol.events import Event


class Silent(Mouth):
    """Says nothing."""

    def deliver(self, rows: Sequence[tuple[Way, list[Event]]]) -> None:
        pass

    def convey(self, way: Way, news: object) -> None:
        pass


def test_two_ways_are_two_even_to_the_same_client() -> None:
    mouth = Silent()
    one, other = Way(7, mouth), Way(7, mouth)
    assert one != other
    assert len({one, other, one}) == 2
    assert (one.client, one.mouth, repr(one)) == (7, mouth, "Way(7)")
