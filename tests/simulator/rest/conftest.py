"""Callers whose connections end with the test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from .caller import Caller


@pytest.fixture
def caller() -> Iterator[Callable[..., Caller]]:
    with ExitStack() as stack:

        def make(*args: Any) -> Caller:
            made = Caller(*args)
            stack.enter_context(closing(made.connection))
            return made

        yield make
