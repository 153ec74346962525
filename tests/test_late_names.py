"""The package has the names that are imported late, and no others."""

import subprocess
import sys

import pytest

import websocket_v6
from websocket_v6.health import Health


def test_a_late_name_is_there_and_shown() -> None:
    assert websocket_v6.Health is Health
    assert {"Health", "Config"} <= set(dir(websocket_v6))


def test_what_defines_it_is_imported_when_it_is_asked_for() -> None:
    program = (
        "import sys, websocket_v6; before = 'websocket_v6.health' in sys.modules; "
        "from websocket_v6 import Health; print(before, 'Health' in vars(websocket_v6))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False True\n"


def test_another_name_is_missing_as_ever() -> None:
    with pytest.raises(AttributeError, match="module 'websocket_v6' has no attribute 'Helth'"):
        getattr(websocket_v6, "Helth")  # noqa: B009 - as a program would have it
    with pytest.raises(ImportError, match="cannot import name 'Helth'"):
        exec("from websocket_v6 import Helth")  # noqa: S102 - a type checker refuses it
