"""Runs the Autobahn server cases of a fuzzing client against this project's server side.

The client is kosoku (extra `conformance`), the server `echo_server.py`, both on loopback.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from .echo_server import echo_server
from .runner import PROGRAM, Verdict, read_verdicts

__all__ = ["run_server"]

_TIMEOUT = 3600.0


def run_server(reports: Path, *, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> list[Verdict]:
    """Run the cases that the globs select; the client's own report goes to `reports`."""
    command = [str(PROGRAM), "-m", "fuzzingclient", "-o", str(reports)]
    command += [f"--include={glob}" for glob in include] + [f"--exclude={glob}" for glob in exclude]
    with echo_server() as address:
        # Its exit status says what the verdicts say, once it has written them.
        subprocess.run([*command, address], capture_output=True, timeout=_TIMEOUT, check=False)
    return read_verdicts(reports)
