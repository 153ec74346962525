"""actors/demand/onlookers.py: who looks on has what others want, and nothing else."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.actors.ear import Ear
from websocket_v6.actors.demand.onlookers import Onlookers
from websocket_v6.actors.messages.registry import Look
from websocket_v6.actors.messages.router import AddRoutes, DropRoutes
from websocket_v6.actors.server.network_mouth import NetworkMouth
from websocket_v6.actors.ways import Way

WAY = Way(1, NetworkMouth(lambda: Ear().ref))
ALL = ("ticker A", "ticker B", "ticker C")


class Routes:
    """What the router routes to each lease, by what it is told."""

    def __init__(self) -> None:
        self.of: dict[int, set[str]] = {}
        self.told: list[object] = []

    def tell(self, message: AddRoutes | DropRoutes) -> None:
        self.told.append(message)
        match message:
            case AddRoutes(lease, _, streams):
                assert not self.of.setdefault(lease, set()) & set(streams)
                self.of[lease] |= set(streams)
            case DropRoutes(lease, None):
                self.of.pop(lease, None)
            case DropRoutes(lease, gone):
                assert gone is not None
                assert set(gone) <= self.of[lease]
                self.of[lease] -= set(gone)


def look(lease: int, *streams: str, endpoint: str = "public", component_id: str = "page") -> Look:
    return Look(component_id, lease, endpoint, streams, WAY)


def test_one_sees_what_others_want() -> None:
    routes = Routes()
    onlookers = Onlookers(routes.tell)
    onlookers.look(look(1, *ALL), {"ticker A", "ticker B", "trade A"})
    assert routes.of == {1: {"ticker A", "ticker B"}}
    (added,) = routes.told
    assert isinstance(added, AddRoutes)
    assert (added.mailbox, added.replay, added.snapshots, added.realtime) == (WAY, True, True, True)


def test_what_nobody_wants_any_more_is_taken_away_and_comes_again() -> None:
    routes = Routes()
    onlookers = Onlookers(routes.tell)
    onlookers.look(look(1, *ALL), {"ticker A"})
    onlookers.leave("public", set())
    assert routes.of == {1: set()}
    onlookers.come("public", {"ticker C"})
    assert routes.of == {1: {"ticker C"}}
    onlookers.come("public", {"ticker C"})
    onlookers.leave("public", {"ticker C"})
    assert len(routes.told) == 3, "nothing is told twice"


def test_another_endpoint_is_another_matter() -> None:
    routes = Routes()
    onlookers = Onlookers(routes.tell)
    onlookers.look(look(1, "ticker A"), {"ticker A"})
    onlookers.leave("info", set())
    onlookers.come("info", {"ticker A"})
    assert routes.of == {1: {"ticker A"}}


def test_a_new_look_takes_the_place_of_the_one_before() -> None:
    routes = Routes()
    onlookers = Onlookers(routes.tell)
    onlookers.look(look(1, "ticker A", "ticker B"), ALL)
    onlookers.look(look(1, "ticker B", "ticker C"), ALL)
    assert routes.of == {1: {"ticker B", "ticker C"}}
    onlookers.look(look(1), ALL)
    onlookers.look(look(2), ALL)
    assert routes.of == {}


def test_one_that_is_gone_sees_nothing() -> None:
    routes = Routes()
    onlookers = Onlookers(routes.tell)
    onlookers.look(look(1, "ticker A"), ALL)
    onlookers.look(look(2, "ticker A", component_id="another"), ALL)
    onlookers.gone("page")
    onlookers.gone("nobody")
    assert routes.of == {2: {"ticker A"}}


steps: st.SearchStrategy[tuple[str, int, set[str]]] = st.one_of(
    st.tuples(st.just("look"), st.integers(1, 3), st.sets(st.sampled_from(ALL))),
    st.tuples(st.just("want"), st.just(0), st.sets(st.sampled_from(ALL))),
    st.tuples(st.just("gone"), st.integers(1, 3), st.just(set())),
)


@given(st.lists(steps))
def test_always_what_is_looked_at_and_wanted_is_routed(walk: list[tuple[str, int, Any]]) -> None:
    routes = Routes()
    onlookers = Onlookers(routes.tell)
    wanted: set[str] = set()
    looks: dict[int, set[str]] = {}
    for step, lease, streams in walk:
        if step == "look":
            onlookers.look(look(lease, *sorted(streams), component_id=str(lease)), wanted)
            looks[lease] = streams
        elif step == "gone":
            onlookers.gone(str(lease))
            looks.pop(lease, None)
        else:
            wanted = streams
            onlookers.leave("public", wanted)
            onlookers.come("public", wanted)
        assert {one: found for one, found in routes.of.items() if found} == {
            one: seen & wanted for one, seen in looks.items() if seen & wanted
        }
