"""One call for the list of markets, against the simulator's REST side and against what is none."""

from collections.abc import Iterator

import pytest

from tests.actors.ear import Ear
from websocket_v6.actors.markets.list_call import BLOCKED, ListAnswered, ListCall, ListFailed
from websocket_v6.protocol.config import Config
from websocket_v6.simulator import Simulator

CODES = ["KRW-BTC", "KRW-ETH", "BTC-ETH"]


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(markets=CODES) as made:
        yield made


def called(url: str) -> ListAnswered | ListFailed:
    owner = Ear()
    call = ListCall(3, Config(url=url, proxy="direct"), owner.ref)
    call.start()
    answer = owner.hear()
    call.join(20.0)
    assert not call.is_alive()
    assert isinstance(answer, ListAnswered | ListFailed)
    assert answer.number == 3
    return answer


def test_the_whole_list_with_warnings(sim: Simulator) -> None:
    sim.warn("KRW-ETH", warning=True)
    answer = called(sim.url)
    assert isinstance(answer, ListAnswered)
    assert answer.listed.codes == set(CODES)
    assert [one.code for one in answer.listed.quotes["KRW"] if one.warning] == ["KRW-ETH"]


@pytest.mark.parametrize("harm", ["empty", "truncated", "cut"])
def test_what_is_no_list_is_a_failure(sim: Simulator, harm: str) -> None:
    sim.spoil("/v1/market/all", harm)  # type: ignore[arg-type]
    answer = called(sim.url)
    assert isinstance(answer, ListFailed)
    assert answer.retry_after is None
    assert answer.reason.startswith("GET /v1/market/all") or "list" in answer.reason
    assert isinstance(called(sim.url), ListAnswered)


def test_nobody_there_is_a_failure() -> None:
    answer = called("ws://127.0.0.1:9/websocket/v1")
    assert isinstance(answer, ListFailed)


def test_one_that_is_given_up_says_nothing(sim: Simulator) -> None:
    sim.spoil("/v1/market/all", "hang")
    owner = Ear()
    call = ListCall(3, Config(url=sim.url, proxy="direct"), owner.ref)
    call.start()
    call.abort()
    call.join(20.0)
    assert not call.is_alive()
    assert owner.heard() == []
    sim.mend()


def test_a_block_that_names_no_time_is_waited_for_a_minute() -> None:
    assert BLOCKED == 60.0
