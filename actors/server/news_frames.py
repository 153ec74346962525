"""What a guest is told beside rows, as frames: states of connections, refusals, answers of the exchange."""

import time

from websocket_v6.actors.messages.component import ConnectionChanged, StreamFailed
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.delivery.steps import Outcome
from websocket_v6.protocol.exchange.heads import SubscriptionList
from websocket_v6.protocol.limits import DOOR_ROWS
from websocket_v6.protocol.server.list_answer import list_answer
from websocket_v6.protocol.server.words import Missing, Reached, Reconciled, Refused, State, encode
from websocket_v6.protocol.websocket.outgoing import BINARY, TEXT, frame

__all__ = ["answer_text", "news_frame"]

STATES = ("connecting", "open", "lost", "refused", "closed")  # that are told: a guest sees to its own backfill


def news_frame(way: Way, news: object, *, backfills: bool) -> bytes | None:
    """Return the frame that says `news`, `None` if a guest is not told of it. `backfills`: missed trades will come."""
    match news:
        case ConnectionChanged(state="open", epoch=epoch) if epoch == way.epoch:
            return None  # the registry says so whenever the first of something is wanted; to a guest it would be a gap
        case ConnectionChanged(state=state, epoch=epoch) if state in STATES:
            way.epoch = epoch if state == "open" else None
            return frame(BINARY, encode(_state(news, backfills=backfills)))
        case StreamFailed(_, error, True, streams):
            return frame(BINARY, encode(Refused(streams, type(error).__name__, str(error))))
        case Reached():
            return frame(BINARY, encode(news))
        case Outcome():
            return frame(BINARY, encode(_reconciled(news)))
        case SubscriptionList():
            return frame(TEXT, answer_text(news))
        case _:
            return None


def _state(change: ConnectionChanged, *, backfills: bool) -> State:
    error = "" if change.error is None else type(change.error).__name__
    return State(
        change.state,  # type: ignore[arg-type]
        change.at_ns,
        change.gap_started_ns,
        change.reason,
        error,
        backfills and change.endpoint == "public",
        time.time_ns(),
    )


def _reconciled(outcome: Outcome) -> Reconciled:
    type_, started_ns, ended_ns, recovered, unrecovered, error, is_final = outcome
    name = "" if error is None else type(error).__name__
    return Reconciled(
        type_,
        started_ns,
        ended_ns,
        recovered,
        tuple(Missing(*one[:-1]) for one in unrecovered[:DOOR_ROWS]),
        name,
        "" if error is None else str(error),
        is_final,
    )


def answer_text(answer: SubscriptionList) -> bytes:
    """Return the exchange's answer in its own words."""
    shown: list[dict[str, object]] = []
    for one in answer.subscriptions:
        level = {} if one.level is None else {"level": one.level}
        shown.append({"type": one.type, "codes": one.codes, **level, **one.extra})
    return list_answer(shown, answer.ticket, "DEFAULT")
