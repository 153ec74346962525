"""What follows a recorded list of markets."""

from typing import Any

import pytest

from tests.replays import listed
from websocket_v6.actors.future import Future
from websocket_v6.actors.replay.replay_lists import Desk, ReplayLists
from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.protocol.exchange.wants import ticker_want

FIRST = listed(0, "KRW-A")[1]


class World:
    """Lists, and what they have done."""

    def __init__(self, *first: Any) -> None:
        self.done: list[tuple[Any, ...]] = []
        desk = Desk(
            lambda lease, want: self.done.append(("route", lease, want.codes)),
            lambda lease, want: self.done.append(("unroute", lease, want.codes)),
            lambda lease, event: self.done.append(("notify", lease, event.added, event.removed)),
            self.tell,
        )
        self.lists = ReplayLists(desk, ["KRW"], {one.quote: one for one in first})

    def tell(self, name: str, news: Any) -> None:
        self.done.append(("tell", name, news.markets.codes))

    def ask(self) -> Any:
        answer: Future[Any] = Future()
        self.lists.ask("one", "KRW", answer)
        return answer

    def did(self) -> list[tuple[Any, ...]]:
        done, self.done = self.done, []
        return done


def test_a_pattern_that_comes_before_its_list_waits_for_it() -> None:
    world = World()
    world.lists.subscribe(1, "one", ticker_want(["KRW-*", "BTC-B"]))
    answer = world.ask()
    assert world.did() == [("route", 1, ("BTC-B",))]
    world.lists.came(FIRST)
    assert world.did() == [("tell", "one", ("KRW-A",)), ("notify", 1, ("KRW-A",), ()), ("route", 1, ("KRW-A",))]
    assert answer.get(timeout=0).codes == ("KRW-A",)


def test_a_list_that_nobody_needs_is_remembered_for_who_comes_later() -> None:
    world = World(FIRST)
    world.lists.came(listed(1, "KRW-A", "KRW-B")[1])
    assert (world.did(), world.lists.known) == ([], ())
    world.lists.subscribe(1, "one", ticker_want("KRW-*"))
    assert ("route", 1, ("KRW-A", "KRW-B")) in world.did()
    world.lists.drop(1, None)
    world.lists.subscribe(2, "one", ticker_want("KRW-*"))
    assert ("route", 2, ("KRW-A", "KRW-B")) in world.did()
    assert [one.quote for one in world.lists.known] == ["KRW"]


def test_who_has_left_is_told_nothing_more() -> None:
    world = World(FIRST)
    assert world.ask().get(timeout=0).codes == ("KRW-A",)
    world.did()
    world.lists.gone("one")
    world.lists.came(listed(1, "KRW-B")[1])
    assert world.did() == []


def test_what_is_not_in_the_recording_is_refused() -> None:
    answer: Future[Any] = Future()
    World(FIRST).lists.ask("one", "BTC", answer)
    with pytest.raises(LocalProtocolError, match="no list of BTC markets"):
        answer.get(timeout=0)
