"""What a guest wants, as messages to a registry that a test plays."""

import pytest

from tests.actors.ear import StandIn
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.membership.leases import Leases
from websocket_v6.actors.messages.registry import Subscribe, Unsubscribe
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.protocol.exchange.wants import Want, my_order_want, orderbook_want, ticker_want, trade_want


class Guest:
    """The leases of one guest, and its registry, which refuses whatever has to do with KRW-NOPE."""

    def __init__(self) -> None:
        self.registry = StandIn("registry", answers={Subscribe: self._answer})
        self.session = StandIn("session")
        self.mailbox = MailboxQueue(Mailbox.latest())
        self.leases = Leases("guest#1", self.mailbox, self.registry.ref, self.session.ref)

    def _answer(self, message: Subscribe) -> None:
        if "KRW-NOPE" in message.want.codes:
            raise LocalProtocolError("no such code")

    def settle(self, *wants: Want) -> list[tuple[str, str, tuple[str, ...]]]:
        """Want this; return what the registry hears, short."""
        assert self.leases.settle("public", wants) == []
        return self.told()

    def told(self) -> list[tuple[str, str, tuple[str, ...]]]:
        found = []
        for message in self.registry.heard():
            match message:
                case Subscribe(component_id, _, want, mailbox, component):
                    assert (component_id, mailbox, component) == ("guest#1", self.mailbox, self.session.ref)
                    found.append(("+", want.type, want.codes))
                case Unsubscribe(component_id, _, want):
                    assert component_id == "guest#1"
                    found.append(("-", want.type if want else "all", want.codes if want else ()))
        return found


@pytest.fixture
def guest() -> Guest:
    return Guest()


def test_a_lease_for_each_kind_of_want_in_one_mailbox(guest: Guest) -> None:
    guest.leases.settle("public", [ticker_want("KRW-BTC"), trade_want("KRW-ETH"), ticker_want("KRW-ETH")])
    tickers, trades = guest.registry.heard()
    assert (tickers.want, trades.want) == (ticker_want(["KRW-BTC", "KRW-ETH"]), trade_want("KRW-ETH"))
    assert tickers.subscription_id != trades.subscription_id
    assert tickers.mailbox is trades.mailbox is guest.mailbox
    assert tickers.component == guest.session.ref


def test_what_is_wanted_as_before_is_not_said_again(guest: Guest) -> None:
    wants = ticker_want(["KRW-BTC", "KRW-ETH"]), trade_want("KRW-ETH")
    assert len(guest.settle(*wants)) == 2
    assert guest.settle(*wants) == []
    assert guest.settle(wants[1], ticker_want(["KRW-ETH", "KRW-BTC"])) == []


def test_more_codes_and_fewer_are_of_the_same_lease(guest: Guest) -> None:
    guest.leases.settle("public", [ticker_want(["KRW-BTC", "KRW-ETH"])])
    (first,) = guest.registry.heard()
    guest.leases.settle("public", [ticker_want(["KRW-ETH", "KRW-XRP"])])
    more, fewer = guest.registry.heard()
    assert more.want.codes == ("KRW-XRP",)
    assert fewer == Unsubscribe("guest#1", first.subscription_id, ticker_want("KRW-BTC"))
    assert more.subscription_id == first.subscription_id
    assert guest.settle(ticker_want("KRW-XRP")) == [("-", "ticker", ("KRW-ETH",))]
    guest.leases.settle("public", [])
    assert guest.registry.heard() == [Unsubscribe("guest#1", first.subscription_id)]


def test_more_comes_before_less(guest: Guest) -> None:
    shallow, deep = orderbook_want("KRW-BTC", depth=5), orderbook_want("KRW-BTC", depth=15)
    guest.settle(shallow)
    assert guest.settle(deep) == [("+", "orderbook", ("KRW-BTC",)), ("-", "all", ())], "no message between is missed"
    assert guest.settle(deep) == []


def test_what_is_wanted_once_is_asked_for_each_time(guest: Guest) -> None:
    once = ticker_want("KRW-BTC", realtime=False)
    guest.leases.settle("public", [once])
    (first,) = guest.registry.heard()
    guest.leases.settle("public", [once])
    gone, second = guest.registry.heard()
    assert gone == Unsubscribe("guest#1", first.subscription_id)
    assert second.subscription_id != first.subscription_id
    assert second.want == once


def test_what_the_registry_refuses_is_returned_and_the_rest_is_wanted(guest: Guest) -> None:
    refusals = guest.leases.settle("public", [ticker_want("KRW-NOPE"), trade_want("KRW-ETH")])
    assert [str(error) for error in refusals] == ["no such code"]
    assert guest.told() == [("+", "ticker", ("KRW-NOPE",)), ("+", "trade", ("KRW-ETH",))]
    assert guest.settle(trade_want("KRW-ETH")) == [], "there is no lease of what was refused"


def test_a_refusal_of_more_codes_leaves_those_there_were(guest: Guest) -> None:
    guest.settle(ticker_want("KRW-BTC"))
    assert len(guest.leases.settle("public", [ticker_want(["KRW-BTC", "KRW-NOPE"])])) == 1
    assert guest.told() == [("+", "ticker", ("KRW-NOPE",))]
    assert guest.settle(ticker_want("KRW-BTC")) == [], "as it was"
    assert guest.settle(ticker_want("KRW-ETH")) == [("+", "ticker", ("KRW-ETH",)), ("-", "ticker", ("KRW-BTC",))]


def test_a_lease_that_the_registry_ended_is_forgotten(guest: Guest) -> None:
    guest.settle(ticker_want("KRW-BTC"))
    assert guest.leases.settle("info", [trade_want("KRW-ETH")]) == []
    (other,) = guest.registry.heard()
    assert guest.leases.refused(other.subscription_id + 1) is None
    assert guest.leases.refused(other.subscription_id) == "info"
    assert guest.leases.refused(other.subscription_id) is None
    assert guest.settle(ticker_want("KRW-BTC")) == [], "the others stay"
    assert guest.leases.settle("info", [trade_want("KRW-ETH")]) == []
    (again,) = guest.registry.heard()
    assert again.subscription_id != other.subscription_id


def test_endpoints_have_nothing_to_do_with_each_other(guest: Guest) -> None:
    guest.settle(ticker_want("KRW-BTC"))
    assert guest.leases.settle("private", []) == []
    assert guest.told() == []


def test_want_without_codes_is_of_all_markets(guest: Guest) -> None:
    assert guest.settle(Want("myOrder")) == [("+", "myOrder", ())]
    assert guest.settle(Want("myOrder")) == []
    assert guest.settle() == [("-", "all", ())]


def test_all_of_a_kind_and_some_of_it_are_leases_of_their_own(guest: Guest) -> None:
    everything, some = my_order_want(), my_order_want("KRW-BTC")
    assert guest.settle(everything) == [("+", "myOrder", ())]
    assert guest.settle(everything, some) == [("+", "myOrder", ("KRW-BTC",))]
    assert guest.settle(everything) == [("-", "all", ())], "of the codes alone"
    assert guest.settle(some) == [("+", "myOrder", ("KRW-BTC",)), ("-", "all", ())]
    assert guest.settle(some, everything) == [("+", "myOrder", ())]


def test_one_that_has_left_is_told_nothing(guest: Guest) -> None:
    guest.settle(ticker_want("KRW-BTC"))
    guest.registry.is_dead = True
    assert guest.leases.settle("public", []) == [], "no error: it is replaced, and the session with it"
