"""Up to where a replay is to be played for who waits: until streams have data, and not further before it goes on."""

import math
from collections.abc import Mapping

from websocket_v6.actors.delivery.route import Route
from websocket_v6.actors.messages.replay import AwaitData
from websocket_v6.protocol.exchange.streams import Stream

from .stage import Stage

__all__ = ["Goals"]

SETTLED_NS = 2_000_000_000  # without a further first message, after which listed and silent markets are not waited for


class _Goal:
    """What one waits for: `missing`, and of the `listed` some, those that come soon after each other."""

    def __init__(self, asked: AwaitData) -> None:
        self.asked = asked
        self.missing = set(asked.streams)
        self.listed = set(asked.listed)
        self.since_ns: int | None = None  # when one of the listed came last

    def is_met(self, mono_ns: int) -> bool:
        if self.missing:
            return False
        return not self.listed or (self.since_ns is not None and mono_ns - self.since_ns > SETTLED_NS)

    def look(self, routes: Mapping[Stream, Route], mono_ns: int) -> None:
        """Note what has come."""
        self.missing = {stream for stream in self.missing if not _has(routes, stream)}
        came = {stream for stream in self.listed if _has(routes, stream)}
        if came:
            self.listed -= came
            self.since_ns = mono_ns


class Goals:
    """All who wait. `routes` are the router's."""

    def __init__(self, stage: Stage, routes: Mapping[Stream, Route]) -> None:
        self._stage = stage
        self._routes = routes
        self._goals: list[_Goal] = []

    def __bool__(self) -> bool:
        return bool(self._goals)

    @property
    def until_ns(self) -> float:
        """When one may be reached without a first message of anything, by the recording's clock."""
        waiting = (one.since_ns for one in self._goals if not one.missing and one.since_ns is not None)
        return min((since_ns + SETTLED_NS + 1 for since_ns in waiting), default=math.inf)

    def add(self, asked: AwaitData) -> None:
        """Have one wait."""
        self._goals.append(_Goal(asked))
        self.look()

    def look(self) -> None:
        """Tell those whose goal is reached, or never will be."""
        stage = self._stage
        for goal in list(self._goals):
            goal.look(self._routes, stage.mono_ns)
            is_met = goal.is_met(stage.mono_ns)
            if is_met or stage.is_over:
                self._goals.remove(goal)
                if goal.asked.reader is not None:
                    stage.readers.comes(goal.asked.reader)  # and is to come back before it goes on
                goal.asked.ready.set(is_met)


def _has(routes: Mapping[Stream, Route], stream: Stream) -> bool:
    route = routes.get(stream)
    return route is not None and route.last is not None
