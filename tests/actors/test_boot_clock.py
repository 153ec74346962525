"""The clock of processes, where there is one that counts while the machine sleeps and where there is none."""

import importlib.util
import time
from types import ModuleType

import pytest

from websocket_v6.actors import boot_clock


def loaded_anew() -> ModuleType:
    """Return another copy of the module, as this machine would have it now."""
    assert boot_clock.__file__ is not None
    spec = importlib.util.spec_from_file_location("boot_clock_anew", boot_clock.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="no such clock here")
def test_it_is_the_clock_that_goes_on_while_the_machine_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before <= boot_clock.clock() <= time.clock_gettime(time.CLOCK_BOOTTIME)
    monkeypatch.setattr(time, "clock_gettime", {time.CLOCK_BOOTTIME: 7.0}.__getitem__)
    assert boot_clock.clock() == 7.0


def test_without_one_it_is_the_monotonic_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    module = loaded_anew()
    before = time.monotonic()
    assert before <= module.clock() <= time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: 9.0)
    assert module.clock() == 9.0
