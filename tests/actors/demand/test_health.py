"""What a registry answers when it is asked how things stand."""

from tests.actors.ear import Ear
from websocket_v6 import Config, Mailbox
from websocket_v6.actors.base import ask, stop_and_join, tell
from websocket_v6.actors.demand.health import RegistryHealth
from websocket_v6.actors.demand.registry import Registry
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.common import GetHealth
from websocket_v6.actors.messages.registry import Subscribe, UseRouter, Watch
from websocket_v6.protocol.exchange.wants import ticker_want


def test_it_counts_components_and_what_they_want_of_each_endpoint() -> None:
    component = Ear()
    registry = Registry.start(config=Config(), supervisor=Ear().ref, inheritance=None)
    tell(registry, UseRouter(Ear().ref, {}))
    for name in ("one", "other"):
        tell(registry, Watch(name, component.ref))
    mailbox = MailboxQueue(Mailbox.latest())
    ask(registry, Subscribe("one", 1, ticker_want(["KRW-BTC", "KRW-ETH"]), mailbox, component.ref), 5)
    ask(registry, Subscribe("one", 2, ticker_want("KRW-BTC"), mailbox, component.ref), 5)
    health = ask(registry, GetHealth(), 5)
    assert isinstance(health, RegistryHealth)
    assert (health.components, health.malformed, health.lists, health.unreconciled) == (2, 0, (), ())
    public, *others = health.endpoints
    assert (public.endpoint, public.streams, public.leases) == ("public", 2, 2)
    assert [(one.streams, one.leases) for one in others] == [(0, 0)] * len(others)
    assert stop_and_join(registry, 5)
