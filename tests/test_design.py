"""docs/design.md names files and functions: they must be there."""

import importlib
import pkgutil
import re

import pytest

import websocket_v6
from tests.conftest import ROOT

TEXT = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
PATHS = sorted(set(re.findall(r"`((?:actors|protocol|websocket_v6|tests)/[\w/]*(?:\.py)?)`", TEXT)))
NAMES = sorted(set(re.findall(r"`([A-Z]\w+\.\w+)`", TEXT)))


def classes() -> dict[str, list[type]]:
    """Return all classes of the product by name."""
    found: dict[str, list[type]] = {}
    for folder in ("websocket_v6.actors", "websocket_v6.protocol"):
        package = importlib.import_module(folder)
        for module in pkgutil.walk_packages(package.__path__, f"{folder}."):
            _collect(importlib.import_module(module.name), found)
    _collect(websocket_v6, found)
    return found


def _collect(module: object, found: dict[str, list[type]]) -> None:
    for name, value in vars(module).items():
        if isinstance(value, type):
            found.setdefault(name, []).append(value)


def test_it_names_enough_to_be_worth_checking() -> None:
    assert len(PATHS) > 15
    assert len(NAMES) > 8


@pytest.mark.parametrize("path", PATHS)
def test_every_file_it_names_is_there(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("name", NAMES)
def test_every_function_it_names_is_there(name: str) -> None:
    owner, _, member = name.partition(".")
    assert any(hasattr(one, member) for one in classes()[owner])
