"""Where a command shows what it does: a live picture on a terminal, a plain line now and then anywhere else."""

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
    """Shows the same thing in either of two ways; a context manager.

    `is_whole`: the picture has the terminal for itself, at whatever size it has just then. Afterwards all is as it was;
    the last picture stays below, and what was said meanwhile.
    """

    def __init__(self, console: Console, *, is_whole: bool = False) -> None:
        self.console = console
        self._is_whole = is_whole and console.is_terminal
        self._live = Live(console=console, auto_refresh=False, screen=self._is_whole) if console.is_terminal else None
        self._next_line = time.monotonic() + LINE_PERIOD
        self._last: RenderableType | None = None
        self._said: list[str] = []

    def show(self, picture: Callable[[], RenderableType], lines: Callable[[], Iterable[str]]) -> None:
        """Show `picture` now on a terminal, else `lines` if it is time for some."""
        if self._live is not None:
            self._last = picture()
            self._live.update(self._last, refresh=True)
        elif time.monotonic() >= self._next_line:
            self._next_line += LINE_PERIOD
            for line in lines():
                self.say(line)

    def say(self, line: str) -> None:
        """Print a line for good, above the picture if there is one, or once it is gone."""
        if self._is_whole:
            self._said.append(line)
        else:
            self._print(line)

    def _print(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live is None:
            return
        self._live.stop()
        if self._is_whole and self._last is not None:
            self._is_whole = False
            self.console.print(self._last)
            for line in dict.fromkeys(self._said):
                self._print(line)
