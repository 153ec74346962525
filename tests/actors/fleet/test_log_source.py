import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.actors.ear import Ear
from tests.conftest import wait_until
from tests.valkey import needs_server
from websocket_v6 import Config
from websocket_v6.actors.base import ask, stop_and_join
from websocket_v6.actors.fleet.access import LogAccess
from websocket_v6.actors.fleet.log_source import LogSource
from websocket_v6.actors.messages.common import GetHealth, Ref
from websocket_v6.actors.messages.connection import Connect, Disconnect, ListSubscriptions, SendRequest
from websocket_v6.actors.messages.fleet import AskLog, JoinLog, LogHeard, LogServes, LogWanted, UseFleet
from websocket_v6.actors.messages.router import Attach, SourceEnded, SourceOpened, SourceSaid
from websocket_v6.protocol.fleet.entries import Listed

from .log_world import World

pytestmark = needs_server
TYPES: list[dict[str, object]] = [{"type": "ticker", "codes": ["KRW-BTC"]}]
LIST = b'{"method":"LIST_SUBSCRIPTIONS","result":[{"type":"ticker","codes":["KRW-BTC"]}],"ticket":"t"}'


@pytest.fixture
def fleet() -> Ear:
    return Ear()


@pytest.fixture
def router() -> Ear:
    return Ear()


@pytest.fixture
def source(access: LogAccess, fleet: Ear, router: Ear) -> Iterator[Ref]:
    ref = LogSource.start(
        endpoint="public",
        source=4,
        access=access,
        config=Config(backoff_initial=0.02, backoff_max=0.1),
        router=router.ref,
        fleet=fleet.ref,
        supervisor=Ear().ref,
    )
    yield ref
    assert stop_and_join(ref, 10.0)


def state(source: Ref) -> str:
    (health,) = ask(source, GetHealth(), 10.0)
    return str(health.state)


def test_what_is_wanted_of_an_exchange_is_wanted_of_the_fleet(source: Ref, fleet: Ear) -> None:
    source.tell(Connect("public", TYPES))
    wanted = fleet.hear()
    assert isinstance(wanted, LogWanted)
    assert b"KRW-BTC" in wanted.request
    source.tell(LogServes(9, "open"))
    assert fleet.hear() == LogHeard("public", True)
    source.tell(SendRequest("public", 1, [], 8))
    source.tell(ListSubscriptions("public", "void", 8))
    source.tell(SendRequest("public", 1, [{"type": "trade", "codes": ["KRW-ETH"]}], 9))
    assert b"KRW-ETH" in fleet.hear().request, "what is for another attachment is void"
    source.tell(ListSubscriptions("public", "t", 9))
    assert fleet.hear() == AskLog("public", "t")
    assert state(source) == "open"
    source.tell(Disconnect("public", 0.0))
    assert [fleet.hear(), fleet.hear()] == [LogWanted("public", b""), LogHeard("public", False)]


def test_who_takes_its_place_has_served_since_before_it_asked(
    world: World, source: Ref, fleet: Ear, router: Ear
) -> None:
    def hear(kind: type, ear: Ear = router) -> Any:
        return next(one for one in iter(ear.hear, None) if isinstance(one, kind))

    source.tell(Connect("public", TYPES))
    world.leader.lead()
    hear(JoinLog, fleet)
    world.leader.open()
    attach = hear(Attach)
    attach.credits.put(True)
    hear(SourceOpened)
    served_ns = time.time_ns()  # by an heir, which has the registry ask for what the log brings by then
    source.tell(ListSubscriptions("public", "t", attach.attachment))
    assert hear(AskLog, fleet) == AskLog("public", "t")
    world.leader.say(Listed("t", LIST))
    said = hear(SourceSaid)
    assert said.notice.ticket == "t"
    source.tell(Disconnect("public", 0.0))
    ended = hear(SourceEnded)
    assert served_ns <= said.whole_ns == ended.whole_ns, "though no message came: nothing is missing between them"


def test_what_nobody_wants_any_more_is_given_back(source: Ref, fleet: Ear) -> None:
    source.tell(Connect("public", TYPES))
    fleet.hear()
    source.tell(Disconnect("public", 0.0))
    assert fleet.hear() == LogWanted("public", b"")
    assert state(source) == "idle"


def test_it_lingers_unless_it_is_wanted_again(source: Ref, fleet: Ear) -> None:
    source.tell(Connect("public", TYPES))
    fleet.hear()
    source.tell(Disconnect("public", 60.0))
    source.tell(Connect("public", TYPES))
    assert fleet.hear().request
    source.tell(Disconnect("public", 0.05))
    assert fleet.hear() == LogWanted("public", b"")


def test_another_fleet_hears_what_is_wanted(source: Ref, fleet: Ear) -> None:
    source.tell(Connect("public", TYPES))
    wanted = fleet.hear()
    other = Ear()
    source.tell(UseFleet(other.ref))
    assert other.hear() == wanted
    assert other.hear() == LogHeard("public", False)
    source.tell(JoinLog("public"))
    assert other.hear() == JoinLog("public")


def test_while_nobody_leads_it_connects(source: Ref) -> None:
    source.tell(Connect("public", TYPES))
    wait_until(lambda: state(source) == "connecting", "it connects")
