"""Results as plots, PNG and SVG, where matplotlib is installed."""

from importlib import util
from pathlib import Path
from typing import Any

from .contenders import OURS

__all__ = ["can_plot", "draw", "draw_soak"]

Result = dict[str, Any]

_OURS, _OTHERS = "#1261c4", "#9aa5b1"


def can_plot() -> bool:
    """Whether matplotlib is there."""
    return util.find_spec("matplotlib") is not None


def draw(results: Result, folder: Path) -> list[Path]:
    """Draw what there is; return the files."""
    _set_up()
    drawn = []
    if "ticker" in results.get("throughput", {}):
        drawn += _save(_throughput(results["throughput"]["ticker"]["contenders"]), folder / "throughput")
    if results.get("fanout"):
        drawn += _save(_fanout(results["fanout"]), folder / "fanout")
    if results.get("delay"):
        drawn += _save(_delay(results["delay"]), folder / "delay")
    return drawn


def draw_soak(found: Result, folder: Path) -> list[Path]:
    """Draw what a soak has sampled; return the files."""
    _set_up()
    minutes = [sample["at"] / 60 for sample in found["samples"]]
    title = f"A soak of {found['delivered'] / 1e6:,.1f} million messages: resident memory (MiB) and threads"
    figure, axes = _figure(title, 2.6)
    axes.plot(minutes, [sample["resident_mib"] for sample in found["samples"]], color=_OURS, label="MiB")
    axes.plot(minutes, [sample["threads"] for sample in found["samples"]], color=_OTHERS, label="threads")
    axes.set_xlabel("minutes")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=7)
    return _save(figure, folder / "soak")


def _set_up() -> None:
    import matplotlib as mpl

    mpl.use("agg")
    mpl.rcParams["svg.hashsalt"] = "bench"  # the same file from the same numbers


def _throughput(contenders: Result) -> Any:
    figure, axes = _figure("Tickers per second of CPU time, one component, exact decimals", len(contenders) * 0.32 + 1)
    ordered = sorted(contenders.items(), key=lambda item: -item[1]["cpu_us"]["median"])
    rates = [1e6 / one["cpu_us"]["median"] for _, one in ordered]
    low = [rate - 1e6 / one["cpu_us"]["most"] for rate, (_, one) in zip(rates, ordered, strict=True)]
    high = [1e6 / one["cpu_us"]["least"] - rate for rate, (_, one) in zip(rates, ordered, strict=True)]
    labels = [f"{name} ({one['note']})" if one["note"] else name for name, one in ordered]
    colours = [_OURS if name == OURS else _OTHERS for name, _ in ordered]
    axes.barh(labels, rates, xerr=[low, high], color=colours, error_kw={"elinewidth": 0.8})
    for place, rate in enumerate(rates):
        axes.annotate(f" {rate:,.0f}", (rate, place), va="bottom", fontsize=7)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    return figure


def _fanout(found: Result) -> Any:
    figure, axes = _figure("CPU time of one delivery as components grow, µs", 2.6)
    numbers = [int(number) for number in found]
    axes.plot(numbers, [one["cpu_us_per_delivery"]["median"] for one in found.values()], "o-", color=_OURS)
    axes.set_xscale("log")
    axes.set_xlabel("components in one process, all on the same tickers")
    axes.set_ylim(bottom=0)
    return figure


def _delay(found: Result) -> Any:
    figure, axes = _figure("Delay from send to callback, µs, logarithmic (median; whisker to p99)", 2.8)
    names = list(next(iter(found.values())))
    width = 0.8 / len(names)
    for index, name in enumerate(names):
        medians = [contenders[name]["p50"]["median"] for contenders in found.values()]
        tails = [
            contenders[name]["p99"]["median"] - p50 for contenders, p50 in zip(found.values(), medians, strict=True)
        ]
        places = [place + index * width for place in range(len(found))]
        axes.bar(
            places,
            medians,
            width * 0.9,
            yerr=[[0.0] * len(tails), tails],
            label=name,
            color=_OURS if name == OURS else ("#c4cbd3", _OTHERS)[index % 2],
            error_kw={"elinewidth": 0.8, "capsize": 2},
        )
    axes.set_yscale("log")
    axes.set_xticks([place + 0.4 - width / 2 for place in range(len(found))], [f"{rate}/s" for rate in found])
    axes.legend(frameon=False, fontsize=7)
    return figure


def _figure(title: str, height: float) -> tuple[Any, Any]:
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7.2, height), layout="constrained")
    axes.set_title(title, loc="left", fontsize=9)
    axes.tick_params(labelsize=7)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def _save(figure: Any, stem: Path) -> list[Path]:
    from matplotlib import pyplot as plt

    stem.parent.mkdir(parents=True, exist_ok=True)
    files = [stem.with_suffix(".png"), stem.with_suffix(".svg")]
    figure.savefig(files[0], dpi=160)
    figure.savefig(files[1], metadata={"Date": None})
    plt.close(figure)
    return files
