"""Where a command shows what it does: a live table on a terminal, a plain line now and then anywhere else."""

import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live

__all__ = ["PERIOD", "Screen"]

PERIOD = 0.25  # seconds between two looks
LINE_PERIOD = 1.0


class Screen:
    """Shows the same thing in either of two ways; a context manager."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._next_line = time.monotonic() + LINE_PERIOD

    def show(self, table: Callable[[], RenderableType], lines: Callable[[], Iterable[str]]) -> None:
        """Show `table` now on a terminal, else `lines` if it is time for some."""
        if self._live is not None:
            self._live.update(table(), refresh=True)
        elif time.monotonic() >= self._next_line:
            self._next_line += LINE_PERIOD
            for line in lines():
                self.say(line)

    def say(self, line: str) -> None:
        """Print a line for good, above the table if there is one."""
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
