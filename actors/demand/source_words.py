"""What an endpoint has a source do, as the source is told it; and what a source says that is not the exchange's own."""

from typing import TYPE_CHECKING

from websocket_v6.actors.forks import no_fork
from websocket_v6.actors.messages import connection as to_source
from websocket_v6.protocol.demand.commands import Connect, Disconnect, ListSubscriptions, OpenPart, SendRequest, Suspect

if TYPE_CHECKING:
    from websocket_v6.protocol.server.words import Refused

__all__ = ["SourceCommand", "refused_word", "source_word"]

SourceCommand = Connect | Disconnect | SendRequest | ListSubscriptions | OpenPart | Suspect


def source_word(endpoint: str, command: SourceCommand) -> object:
    """Return the message to the source of `endpoint` that a command names."""
    match command:
        case Connect(_, types):
            return to_source.Connect(endpoint, types)
        case Disconnect(_, linger):
            return to_source.Disconnect(endpoint, linger)
        case SendRequest(_, number, types, attachment):
            return to_source.SendRequest(endpoint, number, types, attachment)
        case ListSubscriptions(_, ticket, attachment):
            return to_source.ListSubscriptions(endpoint, ticket, attachment)
        case OpenPart(_, attachment):
            return to_source.OpenPart(endpoint, attachment)
        case Suspect(_, attachment, reason):
            return to_source.Suspect(endpoint, attachment, reason)


def refused_word(notice: object) -> "Refused | None":
    """Return the notice if it is a door's word, or one of a fleet's log, that something is refused."""
    with no_fork():
        from websocket_v6.protocol.server.words import Refused
    return notice if isinstance(notice, Refused) else None
