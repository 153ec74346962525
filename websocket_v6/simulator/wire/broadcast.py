"""Every message to those who take it: public ones, an account's own, notices, indicators.

Source: Upbit WebSocket reference, "myAsset" (the first subscription), "announcement", "indicator".
"""

from collections.abc import Callable, Iterable
from decimal import Decimal

from ..market.wording import Bulletin
from ..parts import Part, Stream
from .audience import Audience
from .house import House

__all__ = ["Broadcast"]

_MAKE = Callable[[Decimal, int], Bulletin]


class Broadcast:
    """Delivers what the markets, the desk and the notice board have to say."""

    def __init__(self, house: House, audience: Audience) -> None:
        self._house = house
        self._audience = audience
        self._muted: set[str] = set()
        self._private_delay = 0.0
        self._private_due = 0.0  # when the newest message that waits is sent
        self._first_my_asset: dict[str, float] = {}  # by access key

    def publish(self, type_: str, code: str, make: _MAKE) -> None:
        """Send a public message, made once for each (level, units) that somebody takes."""
        if not self._audience.wanted(type_, code) or code in self._muted:
            return
        made: dict[tuple[Decimal, int], Bulletin] = {}

        def made_for(stream: Stream) -> Bulletin:
            shape = (stream.part.level, stream.units)
            if shape not in made:
                made[shape] = make(*shape)
            return made[shape]

        for client, stream in self._audience.of(type_, code):
            client.deliver(stream, made_for(stream), "REALTIME")
        for client, stream in self._audience.strays_of(type_, code):
            client.stray(stream, made_for(stream))

    def mute(self, code: str) -> None:
        self._muted.add(code)

    def unmute(self, code: str) -> None:
        self._muted.discard(code)

    def is_muted(self, code: str) -> bool:
        return code in self._muted

    # An account's own.

    def publish_private(self, access_key: str, bulletin: Bulletin) -> None:
        """Send a message to those who subscribed with the key, late by the weather or if it was so arranged."""
        now, told = self._house.clock.now(), self._house.weather.private_lag.draw(self._house.rng)
        due = max(now + told + self._private_delay, self._private_due)
        if told:
            bulletin = bulletin.told_at(int((due - self._private_delay) * 1000))
        if due <= now:
            self._deliver_private(access_key, bulletin)
            return
        # What an account is told keeps its order.
        self._private_due = due
        self._house.agenda.at(due, lambda: self._deliver_private(access_key, bulletin))

    def delay_private(self, seconds: float) -> None:
        """Send private messages `seconds` after what they tell of, from now on."""
        self._private_delay = seconds

    def begin_my_asset(self, access_key: str) -> None:
        """Note that an account has subscribed to its assets; the first time, it may be silent for a while."""
        self._first_my_asset.setdefault(access_key, self._house.clock.now())

    def _deliver_private(self, access_key: str, bulletin: Bulletin) -> None:
        if bulletin.type == "myAsset":
            since = self._first_my_asset.get(access_key)
            if since is not None and self._house.clock.now() < since + self._house.answers.my_asset_delay:
                return
        for code in dict.fromkeys((bulletin.code, "*")):
            for client, stream in self._audience.of(bulletin.type, code):
                if client.key == access_key and self._house.keys.permits(access_key, bulletin.type):
                    client.deliver(stream, bulletin, "REALTIME")

    # Notices and indicators.

    def publish_notice(self, make: Callable[[Part], Bulletin | None]) -> None:
        for client, stream in self._audience.of("announcement", "*"):
            bulletin = make(stream.part)
            if bulletin is not None:
                client.deliver(stream, bulletin, "REALTIME")

    def info_subscriptions(self) -> Iterable[tuple[str, str, Part]]:
        """Return (type, code, part) of every indicator that is subscribed to."""
        # Every connection's parts are its own, so no message is made for two of them.
        pairs = self._audience.of_types("indicator", "indicator_signal")
        return [(stream.type, stream.code, stream.part) for _, stream in pairs]

    def publish_info(self, type_: str, code: str, part: Part, bulletin: Bulletin) -> None:
        for client, stream in self._audience.of(type_, code):
            if stream.part is part:
                client.deliver(stream, bulletin, "REALTIME")
