"""One line of an endpoint, and the questions it is asked, as the registry sees them."""

from collections import deque
from typing import Any, NamedTuple

import pykka

from websocket_v6.actors.messages.registry import LineChanged, UseConnection
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.demand.coverage import Served
from websocket_v6.protocol.demand.request_pace import RequestPace

__all__ = ["Line", "Question"]


class Question(NamedTuple):
    """A LIST_SUBSCRIPTIONS that waits for its turn or its answer."""

    ticket: str
    answers: "tuple[pykka.Future[Any], ...]"  # none: the registry itself wants to know that the line answers
    after: int = 0  # the subscriptions of the line before it, which the answer acknowledges
    proves: tuple[int, int] | None = None  # the line, and its epoch, that waits for this one to have caught up with it


class Line:
    """The registry's notes on one line: a connection to the exchange, or a link to another process."""

    def __init__(self, said: UseConnection, config: Config) -> None:
        self.number = said.line
        self.ref = said.ref
        self.limited = said.limited
        self.heir_of = said.heir_of
        self.served = Served()
        self.pace = RequestPace(config.gather, is_limited=said.limited)
        self.is_open = False
        self.epoch = 0  # its own
        self.requests = 0  # subscriptions, ever
        self.has_asked = False  # anything, since it opened
        self.whole_at_ns: int | None = None  # since when it has all; then the others were asked whether they caught up
        self.refusal: LineChanged | None = None  # of its keys, while another line served
        self.is_excused = False  # what it was asked last is known to be refused
        self.asked: dict[str, Question] = {}  # by ticket
        self.unasked: deque[Question] = deque()  # of this line itself

    def opened(self, epoch: int) -> None:
        """Note that it is there, and serves nothing yet."""
        self._begin()
        self.is_open = True
        self.epoch = epoch

    def lost(self) -> list[Question]:
        """Note that it is not there; return the questions that it will not answer."""
        self._begin()
        unanswered = [question for question in self.asked.values() if question.answers]
        self.asked.clear()
        self.unasked.clear()
        return unanswered

    def _begin(self) -> None:
        self.is_open = self.has_asked = self.is_excused = False
        self.whole_at_ns = None
        self.refusal = None
        self.served.reset()
        self.pace.reset()
