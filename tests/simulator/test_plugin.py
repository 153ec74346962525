"""The plugin for pytest: a fixture for those who use it, and nothing for those who do not."""

import configparser
import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

TESTS = """
import pytest
from urllib.request import urlopen

def test_an_exchange(upbit_sim):
    assert upbit_sim.trade("KRW-BTC") > 2 ** 53

@pytest.mark.upbit_sim(markets=["KRW-ETH"], frozen=True, start_time=1_795_176_000.0)
class TestOptions:
    @pytest.mark.upbit_sim(start_time=1_795_176_001.0)
    def test_the_nearest_marker_has_the_last_word(self, upbit_sim):
        assert upbit_sim.now() == 1_795_176_001.0
        with urlopen(f"{upbit_sim.rest_url}/v1/market/all") as answer:
            assert b"KRW-ETH" in answer.read()
"""
UNUSED = """
import sys

def test_nothing_was_imported():
    assert "pytest_websocket_v6" in sys.modules
    assert not [name for name in sys.modules if name.partition(".")[0] in {"websocket_v6", "websockets", "pykka"}]
"""


def run(folder: Path, text: str) -> str:
    (folder / "test_it.py").write_text(text, encoding="utf-8")
    # Whatever is installed here, this is the plugin of this folder.
    command = [sys.executable, "-m", "pytest", "-q", "-p", "pytest_websocket_v6", "--strict-markers", "test_it.py"]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_test_gets_an_exchange_and_its_marker_s_options(tmp_path: Path) -> None:
    assert "2 passed" in run(tmp_path, TESTS)


def test_who_does_not_use_it_imports_nothing_of_it(tmp_path: Path) -> None:
    assert "1 passed" in run(tmp_path, UNUSED)


def test_pytest_finds_it_by_its_entry_point() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    assert "websocket_v6 = pytest_websocket_v6" in setup["options.entry_points"]["pytest11"]
    assert "pytest_websocket_v6" in setup["options"]["py_modules"].split()
