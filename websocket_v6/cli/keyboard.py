"""Single keys from a terminal, while something else is shown; nothing where there is no terminal."""

import contextlib
import os
import select
import sys
import threading
from typing import Any, Self

__all__ = ["Keyboard"]

# What terminals send for keys that are no characters (xterm, and the Linux console).
_NAMED = {
    "\x1b[A": "up",
    "\x1b[B": "down",
    "\x1bOA": "up",
    "\x1bOB": "down",
    "\x1b[5~": "page up",
    "\x1b[6~": "page down",
    "\x1b[H": "home",
    "\x1b[1~": "home",
    "\x1b[F": "end",
    "\x1b[4~": "end",
}


class Keyboard:
    """Reads keys as they are pressed, without echo; a context manager that leaves the terminal as it was."""

    def __init__(self) -> None:
        self._fd: int | None = None
        self._before: list[Any] = []
        self._pause = threading.Event()  # that never comes: only its timeout does

    @property
    def is_there(self) -> bool:
        """Whether anybody can press a key."""
        return self._fd is not None

    def __enter__(self) -> Self:
        if sys.platform != "win32" and sys.stdin.isatty():
            import termios
            import tty

            fd = sys.stdin.fileno()
            with contextlib.suppress(termios.error):
                self._before = termios.tcgetattr(fd)
                tty.setcbreak(fd)  # Ctrl-C still is one
                self._fd = fd
        return self

    def __exit__(self, *_: object) -> None:
        if sys.platform != "win32" and self._fd is not None:
            import termios

            with contextlib.suppress(termios.error):  # the terminal is gone
                termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)
            self._fd = None

    def wait(self, seconds: float) -> str:
        """Return what is pressed within `seconds`: a character in small letters, or "up", "page down"; else nothing."""
        if self._fd is None:
            self._pause.wait(seconds)
            return ""
        if not select.select([self._fd], [], [], seconds)[0]:
            return ""
        pressed = os.read(self._fd, 64)
        if not pressed:  # its end: from now on nobody presses anything
            self._fd = None
        text = pressed.decode("ascii", "ignore")
        return next((name for code, name in _NAMED.items() if text.startswith(code)), text[:1].lower())
