"""What the router itself keeps of an endpoint's messages, and has given to nobody yet."""

from websocket_v6.actors.messages.router import Held
from websocket_v6.protocol.exchange.wants import endpoint_of

from .account import Account
from .routes import Routes

__all__ = ["held"]


def held(endpoint: str, routes: Routes, account: Account) -> Held:
    """Return when what is kept had come: trades that wait for a gap to be filled, candles that are not final.

    Of orders and balances that wait for the account it is only said that they do.
    """
    oldest: int | None = None
    candles: dict[str, int] = {}
    for stream, route in routes.of(endpoint):
        if route.hold is not None and not route.hold.is_released:
            for event, _ in route.hold.waiting():
                oldest = event.received_at if oldest is None else min(oldest, event.received_at)
        if route.closer is not None and route.closer.open:
            candles[stream] = min(event.received_at for event in route.closer.open)
    holds = any(machine.holds and endpoint_of(machine.book.type) == endpoint for machine in account.accounts or ())
    return Held(oldest, candles, holds)
