"""The bench's one command; `docs/performance.md` has the method and the last results.

    python -m bench [--quick] [--out FOLDER] [SCENARIO ...]

Scenarios: throughput, fanout, delay, books, registry, start, loops; all of them when none is named. The soak has a
command of its own, `python -m bench.long soak`; reading frames alone is compared by `python -m bench.wire`.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from .machine import describe_machine, versions
from .messages import ROOT
from .plots import can_plot, draw
from .scenarios import FULL, QUICK, SCENARIOS
from .tables import TABLES

__all__ = ["main"]

WIDTH = 160  # of tables in a file


def main() -> None:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__, formatter_class=_Plain)
    parser.add_argument("scenario", nargs="*", choices=[[], *SCENARIOS], help="all of them by default")
    parser.add_argument("--quick", action="store_true", help="under two minutes instead of under fifteen")
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "bench", help="where results and plots go")
    arguments = parser.parse_args()
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    names, plan = arguments.scenario or list(SCENARIOS), QUICK if arguments.quick else FULL
    results: dict[str, Any] = {"machine": describe_machine(), "versions": versions(), "plan": plan._asdict()}
    started = time.monotonic()
    for name in names:
        with console.status(name) as status:
            results[name] = SCENARIOS[name](plan, lambda text: status.update(text) if console.is_terminal else None)
        TABLES[name](console, results[name])
    results["seconds"] = time.monotonic() - started
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "results.json"
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    drawn = draw(results, arguments.out) if can_plot() else []
    console.print(f"{results['seconds']:.0f} s; {path} and {len(drawn)} plots", style="dim", soft_wrap=True)


_Plain = argparse.RawDescriptionHelpFormatter


if __name__ == "__main__":
    main()
