"""The house as docs/design.md has it: sizes, names, and a test file for each file. Imports are held by `make lint`."""

import statistics
from pathlib import Path

import pytest

from tests.conftest import ROOT

TREES = ("protocol", "actors", "websocket_v6")
MOST_LINES = 400
MEDIAN_LINES = 150
# Values without behaviour: who uses them tests them.
VALUES = {"__init__.py", "commands.py", "target.py", "fields.py", "steps.py", "inheritance.py"}


def files(*trees: str) -> list[Path]:
    found = [path for tree in trees for path in sorted((ROOT / tree).rglob("*.py"))]
    links = (ROOT / "websocket_v6" / "actors", ROOT / "websocket_v6" / "protocol")
    return [path.relative_to(ROOT) for path in found if not any(link in path.parents for link in links)]


def lines(path: Path) -> int:
    return len((ROOT / path).read_text(encoding="utf-8").splitlines())


def test_no_file_is_too_long_to_read() -> None:
    sizes = {str(path): lines(path) for path in files(*TREES) if path.name != "__init__.py"}
    assert not {path: size for path, size in sizes.items() if size > MOST_LINES}
    assert statistics.median(sizes.values()) < MEDIAN_LINES


def test_the_simulator_uses_no_file_name_of_the_engine_s() -> None:
    simulator = {path.name for path in files("websocket_v6/simulator")} - {"__init__.py"}
    others = ("simulator", "cli")
    engine = {path.name for path in files(*TREES) if not any(one in path.parts for one in others)} - {"__init__.py"}
    assert simulator
    assert not simulator & engine


@pytest.mark.parametrize("path", files("protocol", "actors"), ids=str)
def test_each_file_has_a_test_file_of_its_name(path: Path) -> None:
    if path.name in VALUES or "messages" in path.parts:
        return
    tests = ROOT / "tests" / path.parent
    assert list(tests.glob(f"test_{path.stem}*.py")), f"tests/{path.parent}/test_{path.name} is missing"


def test_rooms_have_the_same_names_in_both_trees() -> None:
    rooms = {
        tree: {path.parent.name for path in (ROOT / tree).glob("*/__init__.py")} for tree in ("protocol", "actors")
    }
    assert rooms["actors"] - {"messages"} <= rooms["protocol"]
