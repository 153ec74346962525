"""The engine's actors as stand-ins, which note in one order that they are started, what they hear, and their end."""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.actors.ear import StandIn
from websocket_v6.actors import sources, supervisor
from websocket_v6.actors.connection.connection import Connection, ConnectionInheritance, Resign
from websocket_v6.actors.delivery.router import Router
from websocket_v6.actors.demand.registry import Registry
from websocket_v6.actors.gaps.backfill import Backfill
from websocket_v6.actors.jwt import Jwt, KeysSettled
from websocket_v6.actors.markets.market_source import MarketSource
from websocket_v6.actors.membership.membership import Membership
from websocket_v6.actors.membership.place import HandOver, Released
from websocket_v6.actors.messages.common import GetInheritance, Ref
from websocket_v6.actors.messages.component import EngineFailed
from websocket_v6.actors.messages.connection import Disconnect, KeysChanged
from websocket_v6.actors.messages.registry import ComponentGone, DropSource, Unsubscribe, UseRouter, UseSource, Watch
from websocket_v6.actors.messages.router import AccountChanged, RouterInheritance, UseBackfill, UseRegistry
from websocket_v6.protocol.exchange.wants import ENDPOINTS

__all__ = ["KINDS", "House"]

KINDS: dict[str, Any] = {
    "jwt": Jwt,
    "registry": Registry,
    "router": Router,
    "backfill": Backfill,
    "membership": Membership,
}


class House:
    """Has `start` of each class make a stand-in, called "router 2" or, by its number, "public 7".

    There are the exchange's endpoints, unless others are given: what is different of the lists of markets is in
    tests/actors/test_sources_of_lists.py.
    """

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, real: tuple[str, ...] = (), endpoints: tuple[str, ...] = ENDPOINTS
    ) -> None:
        self.log: list[tuple[str, Any]] = []
        self.made: dict[str, StandIn] = {}
        self.arguments: dict[str, dict[str, Any]] = {}
        self.whole_ns: Mapping[str, int] = {"public": 5}  # what a router leaves
        self._counts = {name: itertools.count(1) for name in KINDS}
        monkeypatch.setattr(sources, "next_source", itertools.count(1).__next__)
        for module in (sources, supervisor):
            monkeypatch.setattr(module, "ALL_ENDPOINTS", endpoints)
        monkeypatch.setattr(Connection, "start", self._start_connection)
        monkeypatch.setattr(MarketSource, "start", self._start_source_of_lists)
        for name, kind in KINDS.items():
            if name not in real:
                monkeypatch.setattr(kind, "start", self._starter(name))

    def _starter(self, name: str) -> Callable[..., Ref]:
        def start(**arguments: Any) -> Ref:
            answers = {GetInheritance: lambda _: RouterInheritance({}, self.whole_ns)}
            return self._make(f"{name} {next(self._counts[name])}", arguments, answers if name == "router" else {})

        return start

    def _start_connection(self, **arguments: Any) -> Ref:
        number = arguments["source"]
        answers = {Resign: ConnectionInheritance(failures=number)}
        return self._make(f"{arguments['endpoint']} {number}", arguments, answers)

    def _start_source_of_lists(self, **arguments: Any) -> Ref:
        return self._make(f"lists {arguments['source']}", arguments, {})

    def _make(self, name: str, arguments: dict[str, Any], answers: Mapping[type[Any], Any]) -> Ref:
        self.arguments[name] = arguments
        self.log.append((name, "start"))
        self.made[name] = StandIn(name, self.log, answers)
        return self.made[name].ref

    def told(self, *who: str) -> list[str]:
        """Return what has happened since it was last asked, in words; only to these, if any are named."""
        found = [f"{name}: {_word(what)}" for name, what in self.log if not who or name in who]
        self.log.clear()
        return found


def _word(what: object) -> str:
    match what:
        case str(word):
            return word
        case UseSource(endpoint, _, number, is_paced, _, heir_of):
            kind = "connection" if is_paced else "door"
            return f"use {kind} {endpoint} {number}" + (f" for {heir_of}" if heir_of else "")
        case DropSource(endpoint, number):
            return f"drop {endpoint} {number}"
        case UseRouter(router, whole_ns):
            return f"use {router!r} after {dict(whole_ns)}"
        case UseRegistry(ref) | UseBackfill(ref):
            return f"use {ref!r}"
        case Released(door):
            return f"release {door.address}"
        case Disconnect(endpoint):
            return f"disconnect {endpoint}"
        case KeysChanged(generation):
            return f"keys {generation}"
        case KeysSettled(generation):
            return f"settled {generation}"
        case AccountChanged():
            return "another account"
        case Watch(component_id):
            return f"watch {component_id}"
        case ComponentGone(component_id):
            return f"gone {component_id}"
        case Unsubscribe(_, lease):
            return f"take back {lease}"
        case Resign() | GetInheritance() | EngineFailed() | HandOver():
            return type(what).__name__
    raise AssertionError(f"nobody says {what!r}")
