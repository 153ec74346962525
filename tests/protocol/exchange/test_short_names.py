"""The short names inside of indicators, against the table of the exchange and against messages in both spellings."""

from collections.abc import Mapping

import pytest

from tests.conftest import SHARED_DATA
from tests.protocol.examples import Example, each_example, parse
from websocket_v6.protocol.exchange.short_names import EVENT_PARAMS, PARAMS, VALUE

REFERENCE = SHARED_DATA.parent / "upbit-websocket.md"
# in, key, short: "Inner keys" of the reference.
TABLE = """
params period p
params type t
params short_period shp
params long_period lop
params multiplier m
params fast f
params slow s
params signal_period sgp
value volume vol
value avg_volume av
value ratio rto
value rsi rsi
value value value
value ma_short mas
value ma_long mal
value bb_upper bbu
value bb_middle bbm
value bb_lower bbl
value macd macd
value macd_signal macds
value histogram hist
event_params threshold th
event_params multiplier mul
"""
ROWS = {tuple(line.split()) for line in TABLE.split("\n") if line}
NAMES: dict[str, Mapping[str, str]] = {"params": PARAMS, "value": VALUE, "event_params": EVENT_PARAMS}
each_object = pytest.mark.parametrize("where", NAMES)


@each_object
def test_names_are_those_of_the_table(where: str) -> None:
    rows = [(key, short) for place, key, short in ROWS if place == where]
    assert NAMES[where] == {short: key for key, short in rows if short != key}


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference is not here")
def test_the_table_is_that_of_the_reference() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    table = text.partition("Inner keys")[2].partition("\n|---|")[2].partition("\n\n")[0]
    lines = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in table.splitlines()[1:]]
    assert {tuple(cells[:3]) for cells in lines} == ROWS


@each_example("indicator", "indicator_signal")
def test_names_are_those_of_a_message_in_both_spellings(example: Example) -> None:
    full, short = parse(example.default), parse(example.simple)
    for where, key in (("params", "p"), ("value", "v"), ("event_params", "ep")):
        names = NAMES[where]
        assert {names.get(name, name): value for name, value in short.get(key, {}).items()} == full.get(where, {})


@each_object
def test_no_short_name_is_a_full_one_of_the_same_object(where: str) -> None:
    full = {key for place, key, _ in ROWS if place == where}
    assert not full & NAMES[where].keys()


@each_object
def test_names_cannot_be_changed(where: str) -> None:
    with pytest.raises(TypeError):
        NAMES[where]["p"] = "price"  # type: ignore[index]
