"""All 517 Autobahn cases: `python -m tests.conformance [--server] [--quick] [--include GLOB] [--exclude GLOB]`.

Exit status 0: none failed, none unimplemented, and 6.4.* strict.
"""

import argparse
import sys
from pathlib import Path

from .runner import LONG, is_strict, run, summary
from .server_runner import run_server

_REPORTS = Path("reports")


def main() -> int:
    """Run, print the table and write it beside the server's report."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("--server", action="store_true", help="the server is tested: the suite is its client")
    parser.add_argument("--quick", action="store_true", help=f"leave out {' and '.join(LONG)}")
    parser.add_argument("-i", "--include", action="append", default=[], metavar="GLOB", help="only these cases")
    parser.add_argument("-x", "--exclude", action="append", default=[], metavar="GLOB", help="not these cases")
    parser.add_argument("-o", "--reports", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    reports = options.reports or _REPORTS / ("conformance_server" if options.server else "conformance")
    exclude = [*options.exclude, *(LONG if options.quick else ())]
    if options.server:
        verdicts = run_server(reports, include=options.include, exclude=exclude)
    else:
        show = _show if sys.stderr.isatty() else lambda done, count, seconds: None
        verdicts = run(reports, include=options.include, exclude=exclude, on_progress=show)
    table = summary(verdicts)
    (reports / "summary.txt").write_text(table)
    sys.stdout.write(table)
    return 0 if all(verdict.is_good and is_strict(verdict) for verdict in verdicts) else 1


def _show(done: int, count: int, seconds: float) -> None:
    sys.stderr.write(f"\r{done} of {count}, {seconds:.0f} s" + ("\n" if done == count else ""))


if __name__ == "__main__":
    sys.exit(main())
