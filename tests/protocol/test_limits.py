"""The table of limits: its page shows it, and each bound has a test that goes beyond it."""

import ast

import pytest

from tests.conftest import ROOT
from tests.protocol.limits_page import PAGE, render
from websocket_v6.protocol.limits import LIMITS, Limit


def test_the_page_shows_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "write it anew: python -m tests.protocol.limits_page"


def test_no_limit_stands_twice() -> None:
    assert len({limit.what for limit in LIMITS}) == len(LIMITS)


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.what)
def test_each_limit_is_finite_and_has_its_test(limit: Limit) -> None:
    assert 0 <= limit.bound < float("inf")
    file, _, name = limit.test.partition("::")
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
