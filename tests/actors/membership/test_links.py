"""A guest's links, as a list of who leads where; the links themselves only note what they are told."""

import itertools
from typing import Any

import pytest

from tests.actors.ear import StandIn
from websocket_v6.actors.membership import links as subject
from websocket_v6.actors.membership.link import GiveUp, Link, Say
from websocket_v6.actors.membership.links import Links
from websocket_v6.actors.membership.rendezvous import HostEntry
from websocket_v6.actors.messages.common import Ref
from websocket_v6.protocol.membership import peers

A, B = HostEntry("/a.sock", b"a" * 32, 1), HostEntry("/b.sock", b"b" * 32, 2)


class World:
    """Links that are stand-ins, with what they were made with."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[tuple[StandIn, dict[str, Any]]] = []
        monkeypatch.setattr(Link, "start", self._start)
        self.router, self.owner = StandIn("router").ref, StandIn("owner").ref
        self.links = Links(
            number=itertools.count(1).__next__,
            fingerprint=lambda key: b"print of " + key[:1],
            router=self.router,
            owner=self.owner,
        )

    def _start(self, **arguments: Any) -> Ref:
        self.made.append((StandIn(f"link {len(self.made)}"), arguments))
        return self.made[-1][0].ref

    def go_to(self, entry: HostEntry, **options: Any) -> StandIn:
        self.links.go_to(entry, **options)
        return self.made[-1][0]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_a_link_is_a_source_of_each_endpoint_with_a_number_of_its_own(world: World) -> None:
    first, second = world.go_to(A), world.go_to(B, is_probe=True)
    assert world.made[0][1] == {
        "entry": A,
        "keys": b"print of a",
        "sources": {"public": 1, "private": 2, "info": 3},
        "router": world.router,
        "owner": world.owner,
        "is_probe": False,
    }
    assert world.made[1][1]["sources"] == {"public": 4, "private": 5, "info": 6}
    assert world.made[1][1]["is_probe"] is True
    linked = world.links.get(second.ref)
    assert linked is not None
    assert (linked.entry, linked.is_up) == (B, False)
    assert linked.sources == {"public": 4, "private": 5, "info": 6}, "those it was made with"
    assert len(world.links) == 2
    assert world.links.in_use is None, "before the host has answered"
    assert world.links.get(None) is None
    assert [ref for ref, _ in world.links.others(first.ref)] == [second.ref]


def test_the_one_in_use_is_not_on_its_way(world: World) -> None:
    link = world.go_to(A)
    assert world.links.is_going_to(A.address)
    assert not world.links.is_going_to(B.address)
    world.links.in_use = link.ref
    assert not world.links.is_going_to(A.address)
    world.go_to(A)
    assert world.links.is_going_to(A.address), "a second one, for proof"


def test_a_link_that_has_ended_is_forgotten_once(world: World) -> None:
    first, second = world.go_to(A), world.go_to(B)
    world.links.in_use = first.ref
    linked = world.links.gone(second.ref)
    assert linked is not None
    assert linked.entry == B
    assert world.links.in_use == first.ref
    assert world.links.gone(second.ref) is None
    assert world.links.get(second.ref) is None
    world.links.gone(first.ref)
    assert world.links.in_use is None
    assert len(world.links) == 0


def test_closing_one_ends_it_alone(world: World) -> None:
    first, second = world.go_to(A), world.go_to(B)
    world.links.close(first.ref)
    world.links.close(first.ref)
    assert first.heard() == ["stop"]
    assert second.heard() == []
    assert len(world.links) == 1
    second.is_dead = True
    world.links.close(second.ref)
    assert len(world.links) == 0


def test_closing_ends_all_of_them_and_waits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[tuple[Ref, float]] = []
    monkeypatch.setattr(subject, "stop_and_join", lambda ref, timeout: waited.append((ref, timeout)))
    first, second = world.go_to(A), world.go_to(B)
    world.links.in_use = first.ref
    world.links.close_all()
    assert waited == [(first.ref, 1.0), (second.ref, 1.0)]
    assert len(world.links) == 0
    assert world.links.in_use is None


@pytest.mark.parametrize("is_hung", [True, False])
def test_what_one_link_finds_out_is_told_to_the_others(world: World, is_hung: bool) -> None:
    first, second, third = world.go_to(A), world.go_to(A), world.go_to(B)
    third.is_dead = True  # no error: its end is on the way
    world.links.settle_doubts(second.ref, is_hung=is_hung)
    assert first.heard() == [GiveUp(is_hung)]
    assert second.heard() == []


def test_each_host_hears_of_new_keys_in_its_own_way(world: World) -> None:
    first, second = world.go_to(A), world.go_to(B)
    world.links.keys_changed()
    assert first.heard() == [Say(peers.Keys(b"print of a"))]
    assert second.heard() == [Say(peers.Keys(b"print of b"))]
