"""What the reference page adds: the fields of events as tables, and lists of a docstring as lists."""

import inspect

import pytest

from websocket_v6 import Config, TickerEvent, WebSocketV6Error

reference = pytest.importorskip("tools.reference", reason="the extra `docs` is not installed")


def test_every_field_of_an_event_is_a_row() -> None:
    table = reference.field_table(TickerEvent)
    assert "| `trade_price` | Decimal | Price of the last trade, in the quote currency | `tp` |" in table
    assert table.count("\n") > 30
    assert reference.field_table(WebSocketV6Error) == ""


def test_the_fields_of_config_are_a_list() -> None:
    text = reference.as_lists(inspect.cleandoc(Config.__doc__ or ""))
    assert "**On the wire**\n\n- `format`: `SIMPLE`" in text
    assert "- `ping_interval`, `ping_timeout`: " in text
    assert "\nRaises:\n    ConfigError: if" in text, "what the parser reads itself stays as it is"
