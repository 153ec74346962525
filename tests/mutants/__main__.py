"""Does a test mind when the code is changed? `python -m tests.mutants [--count 25] [--jobs 2] [MODULE ...]`.

Changes the modules of protocol/ in one place each time, and runs the tests that are the module's own:
tests/protocol/ROOM/test_NAME.py for protocol/ROOM/NAME.py. What survives is a hole in the tests or a change that makes
no difference; those of the second kind stand in equivalent.toml, each with the reason, and are not counted.

MODULE is a name or a path: stores, protocol/delivery/stores.py, or protocol/delivery for a room.
Exit status 0: the tests kill 92 % of what is counted.
"""

import argparse
import os
import sys
import time
import tomllib
from collections import Counter
from itertools import islice
from pathlib import Path

from .mutate import ROOT, Mutant, mutants_of
from .trial import Verdict, own_tests, try_all

__all__ = ["main"]

GOAL = 0.92
EQUIVALENT = Path(__file__).with_name("equivalent.toml")


def main() -> int:
    """Try what the command line says and print what survives."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__, formatter_class=_Plain)
    parser.add_argument("module", nargs="*", help="all of protocol/ by default")
    parser.add_argument("--count", type=int, default=25, help="mutants of a module, those that count nothing included")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time")
    options = parser.parse_args()
    modules = [module for module in _modules() if not options.module or _is_meant(module, options.module)]
    if not modules:
        parser.error(f"no module of protocol/ is called {' or '.join(options.module)}")
    started = time.monotonic()
    total: Counter[str] = Counter()
    for module in modules:
        total += _run(module, options.count, options.jobs)
    _print(f"{'all':44}{_counts(total)}  {time.monotonic() - started:.0f} s")
    return 0 if total["killed"] >= GOAL * (total["killed"] + total["survived"]) else 1


_Plain = argparse.RawDescriptionHelpFormatter


def _modules() -> list[str]:
    """Return the modules that decide something: a package's own file only collects names."""
    found = (ROOT / "protocol").rglob("*.py")
    return sorted(str(path.relative_to(ROOT)) for path in found if path.name != "__init__.py")


def _is_meant(module: str, names: list[str]) -> bool:
    return any(name in (module, Path(module).stem) or module.startswith(name.rstrip("/") + "/") for name in names)


def _run(module: str, count: int, jobs: int) -> Counter[str]:
    unchanged = Mutant(module, 0, "", "", (ROOT / module).read_text(encoding="utf-8"))
    ((_, verdict, seconds),) = try_all([unchanged])
    if verdict is not Verdict.SURVIVED:
        sys.exit(f"{module} is refused by its own tests as it is: {' '.join(own_tests(module))}")
    known = _known(module)
    counts: Counter[str] = Counter()
    survivors = []
    mutants = mutants_of(module)
    while missing := list(islice(mutants, count - counts.total())):
        for mutant, verdict, _ in try_all(missing, jobs, 5 + 2 * seconds):
            if verdict is Verdict.KILLED:
                counts["killed"] += 1
            elif verdict is Verdict.SURVIVED and (mutant.line, mutant.mutated) in known:
                counts["equivalent"] += 1
            elif verdict is Verdict.SURVIVED:
                counts["survived"] += 1
                survivors.append(mutant)
    _print(f"{module:44}{_counts(counts)}")
    for mutant in sorted(survivors):
        _print(str(mutant))
    return counts


def _known(module: str) -> set[tuple[str, str]]:
    entries = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")).get(module, [])
    return {(entry["line"], mutated) for entry in entries for mutated in entry["mutated"]}


def _counts(counts: Counter[str]) -> str:
    tried = counts["killed"] + counts["survived"]
    share = f"{counts['killed'] / tried:4.0%}" if tried else "   -"
    return f"{counts['killed']:5}/{tried:<5}{share}  {counts['equivalent']:3} equivalent"


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
