"""The examples of the README run as they stand, in their order, and its twin has the same ones."""

import re
from typing import Any

import pytest

from tests import documents
from tests.conftest import ROOT
from websocket_v6 import WebSocketClientProxy
from websocket_v6.simulator import Simulator


def blocks(name: str, language: str) -> list[str]:
    """Return the code blocks of one language."""
    return [block.code for block in documents.blocks(ROOT / name, language)]


def without_comments(code: str) -> str:
    return re.sub(r"\s*#.*", "", code)


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A busy exchange that a bare proxy finds by its environment."""
    with Simulator(["KRW-BTC", "KRW-ETH"], traffic=50) as sim:
        monkeypatch.setenv("WEBSOCKET_V6_URL", sim.url)
        monkeypatch.setenv("UPBIT_ACCESS_KEY", sim.access_key)
        monkeypatch.setenv("UPBIT_SECRET_KEY", sim.secret_key)
        yield sim


def test_every_example_runs(
    exchange: Simulator, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = WebSocketClientProxy.run

    def stopped(proxy: WebSocketClientProxy) -> int:
        proxy.stop()  # else it goes on until Ctrl-C, as it should
        return run(proxy)

    monkeypatch.setattr(WebSocketClientProxy, "run", stopped)
    names: dict[str, Any] = {"__name__": "readme"}
    examples = blocks("README.md", "python")
    assert len(examples) >= 10
    try:
        for number, code in enumerate(examples, 1):
            exec(compile(code, f"README.md, example {number}", "exec"), names)  # noqa: S102  # our own README
    finally:
        if "proxy" in names:
            names["proxy"].cleanup()
    printed = capsys.readouterr().out
    assert "('KRW-NOPE',)" in printed
    assert "open" in printed
    assert exchange.wait_connected(0) == []


def test_the_example_of_a_test_passes() -> None:
    (code,) = (code for code in blocks("README.md", "python") if "def test_" in code)
    names: dict[str, Any] = {"__name__": "readme"}
    exec(compile(code, "README.md, the test", "exec"), names)  # noqa: S102  # our own README
    names["test_trades_go_on_after_a_lost_connection"]()


@pytest.mark.parametrize("language", ["python", ""])
def test_the_korean_twin_has_the_same_examples(language: str) -> None:
    ours, twin = ([without_comments(code) for code in blocks(name, language)] for name in ("README.md", "README.ko.md"))
    assert ours == twin
    assert ours
