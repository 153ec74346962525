"""The two folders at the root are parts of the package, and can be imported as such alone."""

import pickle
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from websocket_v6.protocol.config import Config


@pytest.mark.parametrize("folder", ["actors", "protocol"])
@pytest.mark.parametrize(
    "statement", ["import {0}", "from {0} import base", "import {0}.config", "import {0}.gaps.fill"]
)
def test_a_bare_import_says_what_to_import(folder: str, statement: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", statement.format(folder)], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith(
        f"ImportError: {folder} is a part of websocket_v6: import websocket_v6.{folder} instead"
    )


def test_the_package_itself_imports_neither() -> None:
    program = "import sys, websocket_v6, websocket_v6.cli.app; print({'actors', 'protocol'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "set()\n"


def test_values_are_pickled_by_the_packages_name() -> None:
    config = Config(url="ws://localhost:1")
    text = pickle.dumps(config)
    assert b"websocket_v6.protocol.config" in text
    assert pickle.loads(text) == config  # noqa: S301 - our own
