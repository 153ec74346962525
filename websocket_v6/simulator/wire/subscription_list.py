"""The answer to LIST_SUBSCRIPTIONS.

Source: Upbit WebSocket reference, "LIST_SUBSCRIPTIONS"; what it leaves open is decided by `Answers`.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from ..answers import Answers
from ..market.message_keys import INNER
from ..market.wording import compact
from ..parts import Part, split_suffix

__all__ = ["subscriptions_text"]

_SHORT = {"type": "ty", "codes": "cds", "level": "lv"}
# Not documented for this answer; these are the keys of the messages.
_SHORT_INDICATOR = {"type": "ty", "params": "p", "trigger": "tr", "event_params": "ep"}


def subscriptions_text(parts: Iterable[Part], ticket: str, *, short: bool, answers: Answers) -> str:
    """Return the JSON object that names what a connection has asked for."""
    names = _SHORT if short else {}
    if short and answers.list_short_indicators:
        names = {**names, "timeframe": "tf", "indicators": "ind"}
    shown = [part for part in parts if part.realtime or answers.list_snapshot_only]
    result = [{names.get(key, key): value for key, value in _entry(part, short, answers).items()} for part in shown]
    method, listed, ticketed = ("mthd", "rslt", "tckt") if short else ("method", "result", "ticket")
    return compact({method: "LIST_SUBSCRIPTIONS", listed: result, ticketed: ticket})


def _entry(part: Part, short: bool, answers: Answers) -> dict[str, object]:
    entry: dict[str, object] = {"type": part.type}
    if part.codes is not None:
        suffixed = answers.list_suffixes or part.type != "orderbook"
        entry["codes"] = list(part.codes) if suffixed else [split_suffix(code)[0] for code in part.codes]
    if part.type == "orderbook":
        entry["level"] = _number(part.level)
    if part.timeframe:
        entry["timeframe"] = part.timeframe
        shorten = short and answers.list_short_indicators
        entry["indicators"] = [_indicator(indicator, shorten) for indicator in part.indicators]
    if answers.list_flags:
        entry["is_only_snapshot"], entry["is_only_realtime"] = not part.realtime, not part.snapshot
    return entry


def _indicator(indicator: Mapping[str, object], shorten: bool) -> dict[str, object]:
    """Return an indicator as it was asked for; its parameters are JSON numbers again."""
    names = _SHORT_INDICATOR if shorten else {}
    entry: dict[str, object] = {}
    for key, value in indicator.items():
        if isinstance(value, Mapping):
            inner = INNER.get(key, {}) if shorten else {}
            value = {inner.get(name, name): _as_json(item) for name, item in value.items()}
        entry[names.get(key, key)] = value
    return entry


def _as_json(value: object) -> object:
    return float(value) if isinstance(value, Decimal) else value


def _number(value: Decimal) -> int | float:
    return int(value) if value == int(value) else float(value)
