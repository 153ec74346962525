"""A plain script, without logging set up, hears why nothing works: worth reading, and never a flood."""

import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import ROOT, WAY, wait_until
from websocket_v6 import (
    AuthenticationError,
    Config,
    OverflowEvent,
    SnapshotTimeoutError,
    TransportError,
    UnknownCodeError,
    WebSocketClientProxy,
)
from websocket_v6.simulator import Simulator

NOWHERE = Config(url="ws://127.0.0.1:1/websocket/v1", mode="embedded", backoff_initial=0.05, backoff_max=0.1)

BEGIN = """
import sys, time
from websocket_v6 import Config, WebSocketClientProxy
proxy = WebSocketClientProxy("script", config=Config(url={url!r}, mode="embedded", backoff_initial=0.05, {more}))
"""


def run(script: str, url: str, more: str = "") -> list[str]:
    """Run a script that sets up no logging; return what it said to its user."""
    program = BEGIN.format(url=url, more=more) + script
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True, timeout=50
    )
    return [line for line in done.stderr.splitlines() if not line.startswith((" ", "Traceback"))]


@pytest.fixture
def quick(config: Config) -> Config:
    return Config(
        url=config.url,
        access_key=config.access_key,
        secret_key=config.secret_key,
        silent_code_timeout=0.4 + WAY,
        backoff_initial=0.05,
        mode="embedded",
    )


# --- a plain script


def test_a_callback_that_raises_at_every_event(sim: Simulator) -> None:
    sim.set_traffic(200)
    said = run(
        "sub = proxy.subscribe_ticker('KRW-BTC', lambda event: 1 / 0)\nwhile sub.stats.delivered < 30: time.sleep(.01)",
        sim.url,
    )
    assert said == [
        "the callback for ticker of component 'script' raised ZeroDivisionError: division by zero",
        "ZeroDivisionError: division by zero",
    ]


def test_an_exchange_that_cannot_be_reached() -> None:
    script = """
states = []
proxy.on_connection(lambda event: states.append(event.state))
ticker = proxy.subscribe_ticker('KRW-BTC', print)
while states.count('lost') < 6: time.sleep(.01)
"""
    said = run(script, NOWHERE.url, "backoff_max=.1")
    (line,) = said
    assert line.startswith(f"no public connection: cannot connect to the public endpoint {NOWHERE.url}: ")
    assert "next attempt in 0." in line


@pytest.mark.parametrize("snapshot", [True, False])
def test_an_unknown_code(sim: Simulator, snapshot: bool) -> None:
    script = (
        f"proxy.subscribe_ticker(['KRW-BTC', 'KRW-NOPE'], print, snapshot={snapshot})\n"
        f"proxy.subscribe_trade('KRW-ETH', print)\ntime.sleep({1.2 + 2 * WAY})"
    )
    said = run(script, sim.url, f"silent_code_timeout={0.3 + WAY}")
    (line,) = said
    assert line.startswith("subscription of ticker of component 'script': the exchange sends no ticker for KRW-NOPE")


def test_refused_keys(sim: Simulator) -> None:
    keys = f"access_key={sim.access_key!r}, secret_key={'wrong' * 8!r}"
    (line,) = run("proxy.subscribe_my_order(print)\ntime.sleep(1.0)", sim.url, keys)
    assert line.startswith("subscription of myOrder of component 'script': the exchange refused the keys")


def test_a_lost_connection_and_its_return(sim: Simulator, quick: Config, caplog: pytest.LogCaptureFixture) -> None:
    with WebSocketClientProxy("bot", config=quick) as proxy:
        proxy.subscribe_ticker("KRW-BTC", lambda event: None)
        sim.wait_served({"ticker KRW-BTC"})
        sim.drop()
        wait_until(lambda: len(caplog.messages) == 2, "both lines")
    lost, back = caplog.messages
    assert lost.startswith("no public connection: ")
    assert back.startswith("the public connection is open again after 1 failures")


# --- who waits in vain hears why


def test_a_pull_in_vain_says_how_the_connection_stands(sim: Simulator, quick: Config) -> None:
    with WebSocketClientProxy("bot", config=NOWHERE) as proxy:
        states: list[str] = []
        proxy.on_connection(lambda event: states.append(event.state))
        subscription = proxy.subscribe_ticker("KRW-BTC")
        wait_until(lambda: "lost" in states, "the first failure")
        with pytest.raises(
            TimeoutError,
            match=r"no event within 0.3 s for <Subscription ticker KRW-BTC of 'bot'>: the "
            r"public connection is lost, for \d+\.\d s and \d+ failures: cannot connect .*ttempt",
        ):
            subscription.get(timeout=0.3)
        with pytest.raises(SnapshotTimeoutError, match=r"no ticker snapshot within 0.2 s: .* lost, .* cannot connect"):
            proxy.get_ticker_snapshot("KRW-BTC", timeout=0.2)
        with pytest.raises(TransportError, match="not open"):
            proxy.list_subscriptions(timeout=0.2)
        newcomer = proxy.subscribe_trade("KRW-BTC")
        with pytest.raises(TimeoutError, match="cannot connect"):
            newcomer.get(timeout=0)
    with WebSocketClientProxy("bot", config=quick) as proxy:
        subscription = proxy.subscribe_ticker("KRW-BTC")
        subscription.get(timeout=10)
        with pytest.raises(TimeoutError, match=r"the public connection is open, for .*; nothing that was asked for"):
            subscription.get(timeout=0.05)


# --- what has no callback to go to is raised where it is pulled


def test_a_pull_hears_of_an_unknown_code_once_and_the_others_go_on(sim: Simulator, quick: Config) -> None:
    with WebSocketClientProxy("bot", config=quick) as proxy:
        subscription = proxy.subscribe_ticker(["KRW-BTC", "KRW-NOPE"])
        assert subscription.get(timeout=10).symbol == "KRW-BTC"
        with pytest.raises(UnknownCodeError) as caught:
            subscription.get(timeout=10)
        assert caught.value.codes == ("KRW-NOPE",)
        sim.trade("KRW-BTC")
        assert subscription.get(timeout=10).symbol == "KRW-BTC"
        sim.drop()
        sim.wait_served({"ticker KRW-BTC"})
        assert subscription.get(timeout=10).symbol == "KRW-BTC"
        with pytest.raises(TimeoutError):
            subscription.get(timeout=1.0)


def test_an_iteration_hears_of_it_too(sim: Simulator, quick: Config) -> None:
    with WebSocketClientProxy("bot", config=quick) as proxy:
        subscription = proxy.subscribe_trade(["KRW-BTC", "KRW-NOPE"], snapshot=False)
        with pytest.raises(UnknownCodeError, match="KRW-NOPE"):
            for _ in subscription:
                pass
        sim.trade("KRW-BTC")
        assert next(iter(subscription)).symbol == "KRW-BTC"


def test_a_pull_hears_of_refused_keys(sim: Simulator, quick: Config) -> None:
    wrong = Config(url=sim.url, access_key=sim.access_key, secret_key="wrong" * 8, mode="embedded")
    with WebSocketClientProxy("bot", config=wrong) as proxy:
        assets = proxy.subscribe_my_asset()
        with pytest.raises(AuthenticationError, match="refused the keys"):
            assets.get(timeout=10)
        with pytest.raises(AuthenticationError, match="refused the keys"):
            proxy.subscribe_my_order().get(timeout=10)
        with pytest.raises(TimeoutError, match="the private connection is refused"):
            assets.get(timeout=0.05)


# --- a connection that opens and stays mute


def test_a_mute_connection_is_suspected_before_its_codes(sim: Simulator, quick: Config) -> None:
    errors: list[Exception] = []
    sim.mute("KRW-BTC")
    with WebSocketClientProxy("bot", config=quick) as proxy:
        told: list[Any] = []
        proxy.on_connection(told.append)
        subscription = proxy.subscribe_ticker("KRW-BTC", error_handler=errors.append)
        wait_until(lambda: any(one.state == "lost" for one in told), "the suspicion")
        sim.unmute("KRW-BTC")
        assert subscription.get(timeout=10).symbol == "KRW-BTC"
        (lost,) = [one for one in told if one.state == "lost"]
        assert "nothing that was asked for has come" in lost.reason
    assert errors == []


def test_a_mute_connection_that_stays_mute_is_replaced_once_and_then_reported(sim: Simulator, quick: Config) -> None:
    errors: list[Exception] = []
    with WebSocketClientProxy("bot", config=quick) as proxy:
        proxy.subscribe_ticker("KRW-NOPE", error_handler=errors.append)
        wait_until(lambda: errors, "the report")
        assert len(sim.connections()) == 2
        proxy.subscribe_ticker("KRW-NADA", error_handler=errors.append)
        wait_until(lambda: len(errors) == 2, "the second report")
        assert len(sim.connections()) == 2, "codes are unknown, not the connection bad"


# --- a slow reader's loop goes on


def test_a_simple_loop_survives_what_its_mailbox_drops(
    sim: Simulator, quick: Config, caplog: pytest.LogCaptureFixture
) -> None:
    with WebSocketClientProxy("bot", config=quick) as proxy:
        told: list[OverflowEvent] = []
        from websocket_v6 import Mailbox

        subscription = proxy.subscribe_trade("KRW-BTC", mailbox=Mailbox.drop_oldest(2), snapshot=False)
        sim.wait_served({"trade KRW-BTC"})
        for _ in range(5):
            sim.trade("KRW-BTC")
        wait_until(lambda: subscription.stats.received == 5, "all trades")
        assert [subscription.get(5).trade_price > 0 for _ in range(2)] == [True, True]
        wait_until(lambda: caplog.messages, "the log")
        assert caplog.messages == ["component 'bot' is too slow for its trade: 3 events were dropped, 3 in all"]
        proxy.on_overflow(told.append)
        for _ in range(5):
            sim.trade("KRW-BTC")
        wait_until(lambda: subscription.stats.received == 10, "all trades")
        subscription.get(5)
        wait_until(lambda: told, "the callback")
        assert (told[0].type, told[0].dropped, told[0].dropped_total) == ("trade", 3, 6)
        assert subscription.stats.dropped == 6
