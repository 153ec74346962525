"""Past candles of every unit, newest first: those of the simulation, and behind them a past that leads up to it.

Source: Upbit WebSocket reference, "REST for an engine"; Upbit REST reference, "Candles".
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice

from ..market.candles import SECONDS, Candle
from ..market.one_market import Market
from ..market.past import DAY_MS
from ..market.wording import utc_text
from .visit import CallRefused, Visit

__all__ = ["list_days", "list_minutes", "list_months", "list_seconds", "list_weeks", "list_years"]

_KST_MS = 9 * 3_600_000
_SECONDS_KEPT_MS = 90 * DAY_MS
_MOST = 200
_RATE = Decimal("0.0000000001")


def list_seconds(visit: Visit) -> object:
    market, to_ms, count = _asked(visit)
    oldest = int(visit.as_of * 1000) - _SECONDS_KEPT_MS
    found = (candle for candle in _candles(visit, market, "1s", to_ms) if candle.start_ms >= oldest)
    return [_row(visit, market, candle) for candle in islice(found, count)]


def list_minutes(visit: Visit) -> object:
    unit = f"{visit.unit}m"
    if not visit.unit.isdecimal() or unit not in SECONDS:
        raise CallRefused(400, f"unit {visit.unit} is not supported")
    market, to_ms, count = _asked(visit)
    found = islice(_candles(visit, market, unit, to_ms), count)
    return [{**_row(visit, market, candle), "unit": int(visit.unit)} for candle in found]


def list_days(visit: Visit) -> object:
    market, to_ms, count = _asked(visit)
    converting = visit.params.get("converting_price_unit")
    candles = list(islice(_candles(visit, market, "1d", to_ms), count + 1))
    rows = []
    for at, candle in enumerate(candles[:count]):
        before = candles[at + 1].price if at + 1 < len(candles) else candle.opening
        change = candle.price - before
        row = _row(visit, market, candle)
        row |= {"prev_closing_price": before, "change_price": change}
        row["change_rate"] = (change / before).quantize(_RATE)
        if converting is not None:
            row["converted_trade_price"] = _converted(visit, market, candle.price, converting)
        rows.append(row)
    return rows


def list_weeks(visit: Visit) -> object:
    # Weeks begin on Monday; 1970 began on a Thursday.
    return _periods(visit, lambda day: (day.toordinal() - 1) // 7)


def list_months(visit: Visit) -> object:
    return _periods(visit, lambda day: day.year * 12 + day.month - 1)


def list_years(visit: Visit) -> object:
    return _periods(visit, lambda day: day.year)


def _asked(visit: Visit) -> tuple[Market, int | None, int]:
    market = visit.market(visit.needed("market"))
    count = visit.params.number("count", 1, 1, _MOST)
    to = visit.params.get("to")
    if to is None:
        return market, None, count
    try:
        moment = datetime.fromisoformat(to)
    except ValueError:
        raise CallRefused(400, "to must be a time of ISO 8601") from None
    return market, int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000), count


def _candles(visit: Visit, market: Market, unit: str, to_ms: int | None) -> Iterator[Candle]:
    """Yield the candles of a unit that begin before a time, newest first."""
    series = market.series[unit]
    until = visit.as_of * 1000 if visit.as_of < visit.house.clock.now() else None
    first_ms = market.first_ms - market.first_ms % series.ms
    if not market.quiet:
        for candle in reversed(list(series)):
            if (to_ms is None or candle.start_ms < to_ms) and (until is None or candle.last_ms <= until):
                yield _with_made_up(market, candle) if unit == "1d" and candle.start_ms == first_ms else candle
    start = first_ms - series.ms
    if to_ms is not None:
        start = min(start, (to_ms - 1) // series.ms * series.ms)
    while start >= market.past.oldest_ms:
        yield market.past.candle(start, series.ms)
        start -= series.ms


def _with_made_up(market: Market, candle: Candle) -> Candle:
    """Add to the day on which the simulation began what the ticker tells of its hours before."""
    before = market.made_up
    if before is None:
        return candle
    whole = Candle(candle.start_ms, before.opening)
    whole.high, whole.low = max(candle.high, before.high), min(candle.low, before.low)
    whole.price, whole.last_ms = candle.price, candle.last_ms
    whole.volume, whole.amount = candle.volume + before.volume, candle.amount + before.amount
    return whole


def _periods(visit: Visit, number: Callable[[datetime], int]) -> object:
    """Sum days up to longer periods, newest first."""
    market, to_ms, count = _asked(visit)
    rows: list[dict[str, object]] = []
    days: list[Candle] = []
    now: int | None = None
    for candle in _candles(visit, market, "1d", to_ms):
        period = number(datetime.fromtimestamp(candle.start_ms / 1000, UTC))
        if period != now and days:
            rows.append(_sum(visit, market, days))
            days = []
            if len(rows) == count:
                return rows
        now = period
        days.append(candle)
    if days:
        rows.append(_sum(visit, market, days))
    return rows


def _sum(visit: Visit, market: Market, days: list[Candle]) -> dict[str, object]:
    """Return the row of a period from its days, which come newest first."""
    whole = Candle(days[-1].start_ms, days[-1].opening)
    whole.high, whole.low = max(day.high for day in days), min(day.low for day in days)
    whole.price, whole.last_ms = days[0].price, days[0].last_ms
    whole.volume = sum((day.volume for day in days), Decimal(0))
    whole.amount = sum((day.amount for day in days), Decimal(0))
    return {**_row(visit, market, whole), "first_day_of_period": utc_text(whole.start_ms)[:10]}


def _row(visit: Visit, market: Market, candle: Candle) -> dict[str, object]:
    local = {"candle_date_time_kst": utc_text(candle.start_ms + _KST_MS)} if visit.korean else {}
    return {
        "market": market.code,
        "candle_date_time_utc": utc_text(candle.start_ms),
        **local,
        "opening_price": candle.opening,
        "high_price": candle.high,
        "low_price": candle.low,
        "trade_price": candle.price,
        "timestamp": candle.last_ms,
        "candle_acc_trade_price": candle.amount,
        "candle_acc_trade_volume": candle.volume,
    }


def _converted(visit: Visit, market: Market, price: Decimal, unit: str) -> Decimal:
    quote = market.code.partition("-")[0]
    if quote == unit:
        return price
    rate: Mapping[str, Market] = visit.floor.markets
    if f"{unit}-{quote}" not in rate:
        raise CallRefused(400, f"converting_price_unit {unit} is not supported")
    return price * rate[f"{unit}-{quote}"].last.price
