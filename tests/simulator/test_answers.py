"""docs/exchange.md says of every switch what is known, what is assumed and how to settle it."""

import re
from dataclasses import fields

from tests.conftest import ROOT
from websocket_v6.simulator import Answers
from websocket_v6.simulator.probe.questions import QUESTIONS, SLOW

ROWS = [line.split("|") for line in (ROOT / "docs" / "exchange.md").read_text(encoding="utf-8").splitlines()]
SWITCHES = {name: row for row in ROWS if len(row) == 6 for name in re.findall(r"`([a-z_0-9]+)`", row[1])}


def test_each_switch_has_its_row() -> None:
    missing = {field.name for field in fields(Answers)} - set(SWITCHES)
    assert not missing
    assert all(cell.strip() for row in SWITCHES.values() for cell in row[1:-1])


def test_what_the_probe_asks_is_marked() -> None:
    unmarked = [name for name in (*QUESTIONS, *SLOW) if "probe" not in SWITCHES[name][4]]
    assert not unmarked
