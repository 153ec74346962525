"""A host that is made up: two processes, a program, a page, a connection that waits, a part that failed."""

from websocket_v6.actors.messages.fleet import FleetHealth
from websocket_v6.health import (
    ClientHealth,
    ConnectionHealth,
    Counters,
    DelayHealth,
    Health,
    RestartHealth,
    VisitorHealth,
)

EVIL = 'a "quoted" \\ part\nwith a line'


def connection(endpoint: str = "public", state: str = "open", source: int = 1, error: str = "") -> ConnectionHealth:
    up = 60.0 * source if state == "open" else 0.0
    return ConnectionHealth(
        endpoint,
        source,
        state,
        epoch=3,
        up_seconds=up,
        reconnects=2,
        request_bytes=9,
        error=error,
        wire_bytes=100 if up else 0,
        payload_bytes=700 if up else 0,
    )


HEALTH = Health(
    role="host",
    component_id="websocket-v6 serve",
    components=1,
    guests=2,
    connections=(connection(), connection(source=2), connection("private", "waiting", error="no way")),
    streams=3,
    counters=Counters(1000, 2000, 0, 1, 2, 4, 7),
    subscriptions=(),
    wanted=("ticker KRW-BTC", "ticker KRW-ETH", "candle.1s KRW-BTC"),
    members=(ClientHealth("bot", 12, ("public",), 2, 500, 1000), ClientHealth("bot", 13, ("public",), 2, 500, 24)),
    visitors=(
        VisitorHealth("a program", "public", "SIMPLE", 1, 10, 5, is_onlooker=False),
        VisitorHealth("the page", "public", "SIMPLE", 1, 10, 99, is_onlooker=True),
    ),
    cut_off=1,
    delays=(DelayHealth("public", 0.02, (1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1), 12.5),),
    restarts=(RestartHealth(EVIL, 3, "a bug", 1.5), RestartHealth("router", 1, "a bug", None)),
    fleets=(FleetHealth(("public",), True, "me", 7, 2, True, "", "0123456789ab"),),
)
