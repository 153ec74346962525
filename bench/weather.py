"""The simulator's weather against the recordings, as a plot and a table: python -m bench.weather DATA

DATA is the folder of the recordings (captures, samples, ticks). Draws docs/simulator/weather.png and prints the table
that docs/simulator.md has.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from websocket_v6.simulator import Weather

from .messages import ROOT
from .recordings import (
    Stream,
    Trade,
    amounts,
    books_in_front,
    gaps,
    lags,
    quantile,
    read_capture,
    read_ticks,
    run_lengths,
    same_millisecond,
    simulate,
    steps_in_runs,
)

__all__ = ["main"]

_OURS, _STORM, _THEIRS = "#1261c4", "#d0622b", "#20262e"
NEAR: dict[str, Any] = {"round_trip": 0.0, "jitter": 0.0}
# `timestamp` less `trade_timestamp` of the samples of 2023 to 2025, ms.
SAMPLES = (31, 34, 34, 35, 38, 38, 40, 131, 131, 1701)
SHARES = (0.1, 0.25, 0.5, 0.75, 0.9)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.weather", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "simulator")
    arguments = parser.parse_args()
    ticks = [trade for path in sorted((arguments.data / "ticks").glob("*.gz")) for trade in read_ticks(path)]
    capture = read_capture(next((arguments.data / "captures").glob("upbit-simple-*.jsonl")))
    usual = simulate(Weather.usual(**NEAR), seconds=300, traffic=80)
    storm = simulate(Weather.storm(**NEAR), seconds=300, traffic=3)
    print(table(usual, storm, capture, ticks))
    draw(usual, storm, capture, ticks, arguments.out)


def table(usual: Stream, storm: Stream, capture: Stream, ticks: Sequence[Trade]) -> str:
    """Return the table of the page."""

    def spread(values: Sequence[float]) -> str:
        return ", ".join(f"{quantile(values, share):,.0f}" for share in SHARES)

    def sizes(stream: Stream, type_: str) -> str:
        return spread([len(text) for text in stream.texts if json.loads(text)["ty"] == type_])

    samples = "samples 2023 to 2025"
    rows = [
        ("told after the trade, ms", spread(lags(usual.trades)), "", spread(SAMPLES), samples),
        ("told after the second of the trade, ms", "", spread(lags(storm.trades, whole_seconds=True)),
         spread(lags(capture.trades, whole_seconds=True)), "capture 2021"),
        ("between trades of a market, not of one ms", spread(gaps(usual.trades)), spread(gaps(storm.trades)),
         spread(gaps(ticks)), "ticks 2026 (with holes)"),
        ("same millisecond as the trade before, %", *_percents(same_millisecond, usual.trades, storm.trades, ticks),
         "ticks 2026"),
        ("longest run in one millisecond", *(str(max(run_lengths(one))) for one in (usual.trades, storm.trades, ticks)),
         "ticks 2026"),
        ("steps in a run that change the price, %", *_percents(steps_in_runs, usual.trades, storm.trades, ticks),
         "ticks 2026"),
        ("books as new as the trade before it, %", *_percents(books_in_front, usual, storm, capture), "capture 2021"),
        ("worth of a trade, thousand KRW", *(spread([one / 1000 for one in amounts(trades)])
                                             for trades in (usual.trades, storm.trades, ticks)), "ticks 2026"),
        ("bytes of a SIMPLE trade", sizes(usual, "trade"), sizes(storm, "trade"), sizes(capture, "trade"),
         "capture 2021, without the four `best_*`"),
        ("bytes of a SIMPLE book", sizes(usual, "orderbook"), sizes(storm, "orderbook"), sizes(capture, "orderbook"),
         "capture 2021, of 15 levels"),
    ]  # fmt: skip
    head = "| figure (10, 25, 50, 75, 90 % of all) | usual | storm | recorded | where |\n|---|---|---|---|---|"
    return "\n".join([head, *("| " + " | ".join(row) + " |" for row in rows)])


def _percents(figure: Callable[[Any], float], *sources: Any) -> tuple[str, ...]:
    return tuple(f"{100 * figure(source):.1f}" for source in sources)


def draw(usual: Stream, storm: Stream, capture: Stream, ticks: Sequence[Trade], folder: Path) -> None:
    """Draw six panels: late, together, apart, worth, in which order, how large."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(2, 3, figsize=(10.5, 5.6), layout="constrained")
    late, late_2021, together, apart, worth, order = panels.flat
    _share(late, "usual", lags(usual.trades), _OURS)
    _share(late, "samples 2023-25", SAMPLES, _THEIRS)
    _title(late, "Told after the trade, ms", log=True)
    _share(late_2021, "storm", lags(storm.trades, whole_seconds=True), _STORM)
    _share(late_2021, "capture 2021", lags(capture.trades, whole_seconds=True), _THEIRS)
    _title(late_2021, "Told after the second of the trade, ms")
    for place, (name, trades, color) in enumerate(
        (("usual", usual.trades, _OURS), ("storm", storm.trades, _STORM), ("ticks 2026", ticks, _THEIRS))
    ):
        lengths = run_lengths(trades)
        shares = [100 * lengths[length] / lengths.total() for length in range(1, 13)]
        together.bar([length + (place - 1) * 0.27 for length in range(1, 13)], shares, 0.27, color=color, label=name)
    together.set_yscale("log")
    _title(together, "Trades of one market in one ms: runs, %")
    _share(apart, "usual", gaps(usual.trades), _OURS)
    _share(apart, "ticks 2026", gaps(ticks), _THEIRS)
    _title(apart, "Between trades of a market, ms", log=True)
    _share(worth, "usual", [one for one in amounts(usual.trades) if one >= 10], _OURS)
    _share(worth, "ticks 2026", [one for one in amounts(ticks) if one >= 10], _THEIRS)
    _title(worth, "Worth of a trade, KRW", log=True)
    found = {"usual": (usual, _OURS), "storm": (storm, _STORM), "capture 2021": (capture, _THEIRS)}
    order.bar(list(found), [100 * books_in_front(one) for one, _ in found.values()], 0.5,
              color=[color for _, color in found.values()])  # fmt: skip
    _title(order, "Trades behind a book as new as they are, %", legend=False)
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "weather.png", dpi=110)
    plt.close(figure)


def _share(axes: Any, name: str, values: Sequence[float], color: str) -> None:
    ordered = sorted(values)
    axes.step(ordered, [100 * (place + 1) / len(ordered) for place in range(len(ordered))], color=color, label=name)


def _title(axes: Any, title: str, *, log: bool = False, legend: bool = True) -> None:
    axes.set_title(title, loc="left", fontsize=9)
    axes.tick_params(labelsize=7)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if log:
        axes.set_xscale("log")
    if legend:
        axes.legend(frameon=False, fontsize=7)


if __name__ == "__main__":
    main()
