"""What stands around the router's parts when they are tested without it: mailboxes, and who only hears."""

from collections.abc import Iterable
from typing import Any

from tests.actors.ear import Ear
from websocket_v6.actors.base import Timer
from websocket_v6.actors.delivery.careful import CarefulPath, Incoming
from websocket_v6.actors.delivery.closed_candles import ClosedCandles
from websocket_v6.actors.delivery.deliveries import Delivery, Taker
from websocket_v6.actors.delivery.holds import Holds
from websocket_v6.actors.delivery.routes import Routes
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.router import AddRoutes
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.delivery.source_flow import SourceFlow
from websocket_v6.protocol.events import Event

__all__ = ["BITCOIN", "ETHER", "TRADES", "World", "ids", "prices", "ticker", "trade"]

BITCOIN, ETHER = "ticker KRW-BTC", "ticker KRW-ETH"
TRADES = "trade KRW-BTC"


def ticker(price: int, stream_type: str = "REALTIME") -> bytes:
    return f'{{"ty":"ticker","cd":"KRW-BTC","tp":{price},"tms":{price},"st":"{stream_type}"}}'.encode()


def trade(number: int, stream_type: str = "REALTIME") -> bytes:
    return f'{{"ty":"trade","cd":"KRW-BTC","sid":{number},"tms":{number},"st":"{stream_type}"}}'.encode()


def prices(events: Iterable[Any]) -> list[tuple[str, int]]:
    return [(event.stream_type, int(event.trade_price)) for event in events]


def ids(events: Iterable[Any]) -> list[int]:
    return [event.sequential_id for event in events]


def no_timer(delay: float, message: object) -> Timer:
    """What `after` is to parts of an actor that is not there."""
    raise AssertionError(f"nobody is there to say {message!r} in {delay:g} s")


class World:
    """The router's parts without the router. Takers have the numbers 1, 2, ... in the order in which they come."""

    def __init__(self, now_ns: int = 5) -> None:
        self.registry, self.backfill = Ear(), Ear()
        self.delivery = Delivery(SourceFlow())
        self.delivery.registry = self.registry.ref
        self.closings = ClosedCandles(self.delivery, no_timer)
        self.routes = Routes(self.delivery, {}, self.closings)
        self.holds = Holds(self.routes, self.delivery)
        self.holds.use(self.backfill.ref)
        self.careful = CarefulPath(self.routes, self.closings, self.delivery)
        self.careful.holds = self.holds
        self.now_ns = now_ns
        self.takers: list[Taker] = []

    def follow(
        self,
        *streams: str,
        endpoint: str = "public",
        replay: bool = True,
        snapshots: bool = True,
        realtime: bool = True,
        awaits: bool = False,
    ) -> int:
        """Add a taker; return its number."""
        number = len(self.takers) + 1
        mailbox = MailboxQueue(Mailbox.drop_oldest(20_000))
        self.takers.append(Taker(number, endpoint, mailbox, None))
        self.add(number, *streams, replay=replay, snapshots=snapshots, realtime=realtime, awaits=awaits)
        return number

    def add(
        self,
        number: int,
        *streams: str,
        replay: bool = True,
        snapshots: bool = True,
        realtime: bool = True,
        awaits: bool = False,
    ) -> None:
        """Route more streams to a taker that is there."""
        one = self.takers[number - 1]
        message = AddRoutes(number, one.endpoint, streams, one.mailbox, None, replay, snapshots, realtime, awaits)
        self.routes.add(message, one, self.now_ns)

    def come(self, stream: str, *payloads: bytes, epoch: int = 1, endpoint: str = "public", **options: bool) -> None:
        """Let messages come the careful way."""
        for payload in payloads:
            self.careful.message(stream, payload, Incoming(endpoint, epoch, self.now_ns, **options))

    def take(self, number: int) -> list[Event]:
        """Return what the taker has been given since."""
        self.delivery.flush()
        mailbox = self.takers[number - 1].mailbox
        assert isinstance(mailbox, MailboxQueue)
        events = mailbox.take_many(0.0, 20_000)
        assert all(isinstance(event, Event) for event in events)
        return events  # type: ignore[return-value]

    def seen(self) -> list[str]:
        """Return the streams that have begun since."""
        found, self.careful.seen[:] = list(self.careful.seen), []
        return found
