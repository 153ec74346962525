"""Build the C module with AddressSanitizer and UndefinedBehaviorSanitizer, and run the tests that reach it.

    python -m tests.sanitize [arguments for pytest]

The interpreter is not instrumented, so leaks are not looked for here: tests/protocol/test_fast.py counts blocks.
Python's own allocator is turned off, for else a read beyond an object would be one within its arena.
"""

import os
import subprocess
import sys
import sysconfig

from tests.conftest import ROOT

from .plugin import BUILT

SOURCES = sorted(map(str, (ROOT / "protocol" / "c").glob("*.c")))
FLAGS = (
    *("-O1", "-g", "-fno-omit-frame-pointer", "-fPIC", "-shared"),
    *("-Wall", "-Wextra", "-Wshadow", "-Wno-cast-function-type", "-Werror"),
    *("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"),
)
RUNTIMES = ("libasan.so", "libubsan.so")
TESTS = (
    "tests/protocol/test_fast.py",
    "tests/protocol/events",
    "tests/protocol/exchange/test_heads.py",
    "tests/protocol/recording",
    "tests/protocol/websocket/test_frames.py",
    "tests/actors/delivery",
    "tests/actors/replay",
)


def compiler() -> str:
    """Return what this interpreter was built with."""
    return os.environ.get("CC") or str(sysconfig.get_config_var("CC")).split()[0]


def build() -> None:
    """Build the module where the plugin finds it."""
    BUILT.parent.mkdir(parents=True, exist_ok=True)
    include = sysconfig.get_paths()["include"]
    subprocess.run([compiler(), *FLAGS, f"-I{include}", *SOURCES, "-o", str(BUILT)], check=True)


def environment() -> dict[str, str]:
    """Return the environment in which an interpreter can load what was built."""
    paths = [
        subprocess.run([compiler(), f"-print-file-name={name}"], check=True, capture_output=True, text=True)
        for name in RUNTIMES
    ]
    return {
        **os.environ,
        "LD_PRELOAD": " ".join(path.stdout.strip() for path in paths),
        "ASAN_OPTIONS": "detect_leaks=0",
        "PYTHONMALLOC": "malloc",
        "WEBSOCKET_V6_PURE": "",
    }


def main() -> int:
    """Build, and run the tests."""
    build()
    command = [sys.executable, "-m", "pytest", "-p", "tests.sanitize.plugin", "-n", "0", "--timeout", "600"]
    return subprocess.run([*command, *(sys.argv[1:] or TESTS)], env=environment(), cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
