"""The newest value of each stream, as it is read beside the router."""

from tests.actors.delivery.world import BITCOIN, ETHER, World, ticker
from tests.actors.ear import Ear
from websocket_v6.actors.base import ask, stop_and_join
from websocket_v6.actors.delivery.careful import Incoming
from websocket_v6.actors.delivery.last_values import LastValues
from websocket_v6.actors.delivery.router import Router
from websocket_v6.actors.messages.router import GetLastValues


def test_it_has_what_came_last_and_nothing_that_is_not_current() -> None:
    world = World()
    values = LastValues(world.routes.by_stream, lambda: False)
    assert values.of(BITCOIN) is None, "nobody takes it"
    world.follow(BITCOIN, ETHER)
    assert values.of(BITCOIN) is None, "nothing has come"
    for price in (1, 2):
        world.careful.message(BITCOIN, ticker(price), Incoming("public", 1, 5))
    event = values.of(BITCOIN)
    assert event is not None
    assert event.payload == ticker(2)
    assert values.of(ETHER) is None
    world.routes.forget("public")
    assert values.of(BITCOIN) is None, "its connection is gone"


def test_it_is_over_with_its_router() -> None:
    router = Router.start(supervisor=Ear().ref)
    values: LastValues = ask(router, GetLastValues(), 10)
    assert values.of(BITCOIN) is None
    assert not values.is_over
    assert stop_and_join(router, 10)
    assert values.is_over
