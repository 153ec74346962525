"""Both faces have the same names, with the same arguments, and one source of what is said about them."""

import inspect
import pydoc
from typing import Any

import pytest

import websocket_v6
from websocket_v6 import aio

# What one of them has alone.
WITHOUT_TWIN = {"run", "stop", "wait_closed"}
# What says something else of itself, for a reason: how it is used and where its callbacks run.
SAYS_MORE = {"cleanup", "__iter__"}
TWINS = {"__enter__": "__aenter__", "__exit__": "__aexit__", "__iter__": "__aiter__"}
AT_ONCE = {"subscriptions", "done", "symbols", "data_type", "stats", "digest", "__iter__", "component_id"}
CLASSES = [
    (websocket_v6.WebSocketClientProxy, aio.WebSocketClientProxy),
    (websocket_v6.Subscription, aio.Subscription),
]


def public(one: type) -> set[str]:
    return {name for name in dir(one) if not name.startswith("_")} - WITHOUT_TWIN


def pairs() -> list[Any]:
    return [
        pytest.param(one, other, name, id=f"{one.__name__}.{name}")
        for one, other in CLASSES
        for name in sorted(public(one) | {twin for twin in TWINS if hasattr(one, twin)})
    ]


def parameters(function: Any) -> list[str]:
    return [str(one).replace(".aio.", ".") for one in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize(("one", "other"), CLASSES)
def test_they_have_the_same_names(one: type, other: type) -> None:
    assert public(one) == public(other)
    assert len(public(one)) > 5


@pytest.mark.parametrize(("one", "other", "name"), pairs())
def test_a_call_is_the_same_on_both(one: type, other: type, name: str) -> None:
    ours, theirs = getattr(one, name), getattr(other, TWINS.get(name, name))
    if isinstance(ours, property):
        assert isinstance(theirs, property)
        assert ours.__doc__ == theirs.__doc__
        return
    assert parameters(ours) == parameters(theirs)
    assert inspect.iscoroutinefunction(theirs) == (name not in AT_ONCE)
    if name not in SAYS_MORE and not name.startswith("__"):
        assert theirs.__doc__ == ours.__doc__
        assert theirs.__doc__


def test_help_shows_it() -> None:
    text = pydoc.render_doc(aio.WebSocketClientProxy, renderer=pydoc.plaintext)  # type: ignore[attr-defined]
    assert "Subscribe to tickers: the last price and the day's sums" in text
    assert len(pydoc.render_doc(aio, renderer=pydoc.plaintext).splitlines()) < 40  # type: ignore[attr-defined]


def test_the_synchronous_one_says_where_the_other_is() -> None:
    assert "websocket_v6.aio" in str(websocket_v6.WebSocketClientProxy.__doc__)
    assert "websocket_v6.aio" in str(websocket_v6.__doc__)
