"""Run every cell of the matrix and write `docs/chaos.md`: `python -m tests.chaos.table [--jobs 3]`."""

import argparse
import multiprocessing
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.conftest import ROOT

from .cells import CELLS, ENDPOINTS, FAULTS, MOMENTS, ROLES, Cell, run_cell, why_not

__all__ = ["render"]

PAGE = ROOT / "docs" / "chaos.md"
_HEAD = """\
# Faults and moments

Each fault between the program and the exchange, at each moment, for each way to be served ({ways}).
In each cell data is made all the time, the fault happens and heals, and an oracle compares what was made with what
came, to the message: a difference must be explained by an announced gap. Written by `python -m tests.chaos.table`,
which runs all {count} cells; `make test` runs a draw of them.

"""


def render(found: Mapping[Cell, Sequence[str]]) -> str:
    """Return the page: how many of the ways to be served went well, and why there are none."""
    parts = [_HEAD.format(ways=", ".join(ROLES), count=len(CELLS))]
    reasons: list[str] = []
    for endpoint in ENDPOINTS:
        parts.append(
            f"## {endpoint.capitalize()} data\n\n| fault | {' | '.join(MOMENTS)} |\n{'|---' * (len(MOMENTS) + 1)}|\n"
        )
        for fault in FAULTS:
            texts = []
            for moment in MOMENTS:
                ways = [Cell(fault, moment, endpoint, role) for role in ROLES]
                there = [cell for cell in ways if why_not(cell) is None]
                for cell in ways:
                    reason = why_not(cell)
                    if reason is not None and reason not in reasons:
                        reasons.append(reason)
                numbers = sorted({reasons.index(why) + 1 for cell in ways if (why := why_not(cell))})
                well = sum(not found[cell] for cell in there)
                texts.append(f"{well}/{len(there)}" if there else " ".join(f"[{number}]" for number in numbers))
            parts.append(f"| {fault} | {' | '.join(texts)} |\n")
        parts.append("\n")
    parts.append("Cells of the expired certificate speak TLS, the others do not.\n\n")
    parts.append("Why a cell is not there, or not for each way to be served:\n\n")
    parts += [f"{number}. {reason}\n" for number, reason in enumerate(reasons, 1)]
    wrong = [f"- {cell}: {'; '.join(words)}\n" for cell, words in found.items() if words]
    if wrong:
        parts += ["\n## What went wrong\n\n", *wrong]
    return "".join(parts)


def _run(cell: Cell) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        try:
            return run_cell(cell, Path(folder) / "run")
        except BaseException:  # noqa: BLE001 - a failed wait is one too; the page says it
            return [traceback.format_exc(limit=-2)[-300:]]


def main() -> None:
    """Run all cells, write the page, say how many failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.table", description=__doc__)
    parser.add_argument("--jobs", type=int, default=3)
    arguments = parser.parse_args()
    with ProcessPoolExecutor(arguments.jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        found = dict(zip(CELLS, pool.map(_run, CELLS), strict=True))
    PAGE.write_text(render(found), encoding="utf-8")
    failed = [cell for cell, words in found.items() if words]
    print(f"{len(CELLS)} cells, {len(failed)} failed", *failed, sep="\n")  # noqa: T201
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
