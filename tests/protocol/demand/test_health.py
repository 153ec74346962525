"""What an endpoint says of itself."""

from tests.protocol.demand.desk import Desk
from websocket_v6.protocol.demand.health import EndpointHealth, EndpointInheritance
from websocket_v6.protocol.exchange.wants import ticker_want


def test_it_says_what_is_wanted_and_which_sources_serve_that() -> None:
    desk = Desk()
    desk.use_router()
    desk.source(7)
    desk.want(1, ticker_want("KRW-BTC"))
    desk.want(2, ticker_want(["KRW-BTC", "KRW-ETH"]))
    desk.open(7)
    wanted = ("ticker KRW-BTC", "ticker KRW-ETH")
    assert desk.endpoint.health() == EndpointHealth("public", 2, 2, 1, 1, frozenset({7}), wanted)


def test_what_outlives_one_that_was_never_open_is_next_to_nothing() -> None:
    assert Desk().endpoint.inheritance() == EndpointInheritance()
