"""Every line of the log has a name, its values are fields, and it is JSON where that is wanted."""

import ast
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, wait_until
from websocket_v6 import Config, WebSocketClientProxy, logs
from websocket_v6.logs import EVENTS, LogEvents, json_formatter
from websocket_v6.protocol.errors import ConfigError
from websocket_v6.simulator import Simulator

LEVELS = {"info", "warning", "error", "critical", "exception"}
RESERVED = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "event"}


def templates() -> Iterator[tuple[Path, str, int]]:
    """Yield each text that is logged, and how many values it is given."""
    links = (ROOT / "websocket_v6" / "actors", ROOT / "websocket_v6" / "protocol")
    for tree in ("actors", "protocol", "websocket_v6"):
        for path in sorted((ROOT / tree).rglob("*.py")):
            if "simulator" in path.parts or any(link in path.parents for link in links):
                continue
            parsed = ast.parse(path.read_text("utf-8"))
            for node in ast.walk(parsed):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and isinstance(node.func.value, ast.Name)
                    and node.func.value.id == "logger"
                    and node.func.attr in LEVELS
                ):
                    yield path.relative_to(ROOT), text_of(parsed, node.args[0], node.lineno), len(node.args) - 1


def text_of(tree: ast.Module, node: ast.expr, line: int) -> str:
    """Return a text, also one that was given a name just before."""
    if isinstance(node, ast.Name):
        named = [
            one
            for one in ast.walk(tree)
            if isinstance(one, ast.Assign) and one.lineno < line and ast.unparse(one.targets[0]) == node.id
        ]
        node = max(named, key=lambda one: one.lineno).value
    assert isinstance(node, ast.Constant), f"line {line}: a text that is made there has no stable name: give it values"
    return str(node.value)


def test_every_line_has_a_name() -> None:
    found = list(templates())
    assert len(found) > 40
    for path, text, values in found:
        if text == "%s":
            assert "websocket_v6." + path.with_suffix("").as_posix().replace("/", ".") in logs._BY_LOGGER
            continue
        assert text in EVENTS, f"{path} logs {text!r}, which has no name in websocket_v6/logs.py"
        assert len(EVENTS[text].fields) == values, text
    assert set(EVENTS) <= {text for _path, text, _values in found}, "and none is left of a line that is gone"


def test_names_are_stable_words_and_hide_nothing() -> None:
    for event in [*EVENTS.values(), *logs._BY_LOGGER.values()]:
        assert re.fullmatch("[a-z]+(_[a-z]+)*", event.name)
        assert not RESERVED & set(event.fields), "a field of the record itself would be lost"


def test_the_document_lists_every_event_with_its_fields() -> None:
    text = (ROOT / "docs" / "howto" / "logging.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| ([^|]*) \|", text, re.MULTILINE))
    fields: dict[str, set[str]] = {}
    for event in [*EVENTS.values(), *logs._BY_LOGGER.values()]:
        fields.setdefault(event.name, set()).update(event.fields)
    assert {name: set(re.findall(r"`(\w+)`", cell)) for name, cell in rows.items()} == fields


def test_lines_of_others_pass_as_they_are() -> None:
    record = logging.makeLogRecord({"name": "somebody", "msg": "%d", "args": (1,)})
    assert LogEvents().filter(record)
    assert not hasattr(record, "event")
    ours = logging.makeLogRecord({"name": "websocket_v6.x", "msg": "what nobody knows"})
    assert LogEvents().filter(ours)
    assert ours.event == "other"  # type: ignore[attr-defined]


def test_without_the_extra_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pythonjsonlogger.json", None)
    with pytest.raises(ConfigError, match=r"websocket-v6\[logs\]"):
        json_formatter()


def test_a_lost_connection_is_one_line_of_json(tmp_path: Path) -> None:
    path = tmp_path / "log"
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.addFilter(LogEvents())
    handler.setFormatter(json_formatter())
    logger = logging.getLogger("websocket_v6")
    logger.addHandler(handler)
    try:
        with (
            Simulator(["KRW-BTC"], traffic=50) as sim,
            WebSocketClientProxy("bot", config=Config(url=sim.url, mode="embedded")) as proxy,
        ):
            ticks = proxy.subscribe_ticker(["KRW-BTC"], callback=lambda event: None)
            wait_until(lambda: ticks.stats.delivered > 0, "data")
            sim.drop()

            def events() -> list[dict[str, object]]:
                return [json.loads(line) for line in path.read_text("utf-8").splitlines()]

            wait_until(lambda: any(one["event"] == "connection_recovered" for one in events()), "both lines")
    finally:
        logger.removeHandler(handler)
        handler.close()
    lost, again = (
        next(one for one in events() if one["event"] == name) for name in ("connection_lost", "connection_recovered")
    )
    assert (lost["level"], lost["endpoint"], again["failures"]) == ("WARNING", "public", 1)
    assert str(lost["logger"]).startswith("websocket_v6.")
    assert str(lost["time"]).endswith("+00:00")
    assert str(lost["message"]).startswith("no public connection: ")
