"""Hears whatever a program may be told, or may tell others, whichever debugging switches are on."""

import contextlib
import gc
import logging
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

import pykka
import pytest
import websocket

from tests.conftest import ROOT
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.websocket.frames import Text

__all__ = ["Ears"]

# What local variables are called that hold what a socket brought: the exchange's own words, not yet read.
_INCOMING = {
    "batch",
    "buffer",
    "chunk",
    "data",
    "decoder",
    "envelope",
    "head",
    "message",
    "messages",
    "payload",
    "payloads",
    "piece",
    "view",
}
PERIOD = 0.01  # seconds between two looks at all stacks
OURS = ("websocket_v6.",)
NOT_OURS = ("websocket_v6.simulator", "websocket_v6.cli")


class Ears:
    """A context manager; `told` is all that was heard, by where it was."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.told: dict[str, str] = {}  # text -> where it was heard first
        self._monkeypatch = monkeypatch
        self._handler = _Handler(self)
        self._level = logging.getLogger().level
        self._is_over = threading.Event()
        self._sampler = threading.Thread(target=self._sample, name="ears", daemon=True)
        self._warnings = warnings.catch_warnings(record=True)

    def hear(self, where: str, text: str) -> None:
        """Note a text."""
        self.told.setdefault(text, where)

    def error(self, error: BaseException) -> None:
        """Note an error as a tool shows it that prints tracebacks with all local variables."""
        for show in (str, repr):
            self.hear("an error", show(error))
        self.hear("an error's fields", repr(vars(error)))
        shown = traceback.TracebackException.from_exception(_ours(error), capture_locals=True)
        for one in shown.stack:
            if one.locals is not None:
                self.hear(f"a traceback, {one.name}", repr(one.locals))

    def value(self, where: str, value: object) -> None:
        """Note a value as it shows itself; not the exchange's messages, which are what a user wants to see."""
        if isinstance(value, Text):
            return
        if isinstance(value, Batch):
            value = value._replace(payloads=[])
        shows = (repr,) if isinstance(value, str | bytes) else (repr, str, lambda one: repr(vars(one)))
        for show in shows:
            with contextlib.suppress(TypeError):
                self.hear(where, show(value))

    @contextlib.contextmanager
    def failing(self, *kinds: type[BaseException]) -> Iterator[None]:
        """Expect one of these errors, and note it."""
        with pytest.raises(kinds) as caught:
            yield
        self.error(caught.value)

    def look(self) -> None:
        """Note every object of ours that there is, and every error that anybody still holds."""
        for one in gc.get_objects():
            if isinstance(one, BaseException):
                if (type(one).__module__ or "").startswith(OURS) or _is_in_ours(one.__traceback__):
                    self.error(one)
            elif _is_ours(type(one)):
                self.value(f"an object, {type(one).__qualname__}", one)

    def __enter__(self) -> Self:
        root = logging.getLogger()
        root.addHandler(self._handler)
        root.setLevel(1)
        websocket.enableTrace(True, handler=self._handler, level="DEBUG")
        # All that actors say to each other: their messages are tuples, and debuggers show them.
        for name in ("tell", "ask"):
            self._monkeypatch.setattr(pykka.ActorRef, name, self._noting(getattr(pykka.ActorRef, name)))
        self._monkeypatch.setattr(threading, "excepthook", lambda args: self.error(args.exc_value))
        self._sampler.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._sampler.join(10)
        websocket.enableTrace(False)
        root = logging.getLogger()
        root.removeHandler(self._handler)
        root.setLevel(self._level)

    def _noting(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def noted(ref: Any, message: object, *args: Any, **options: Any) -> Any:
            self.value(f"a message, {type(message).__qualname__}", message)
            return method(ref, message, *args, **options)

        return noted

    def _sample(self) -> None:
        """Look at the stacks of all threads again and again, as a profiler or a crash handler does."""
        while not self._is_over.wait(PERIOD):
            for top in sys._current_frames().values():
                frame: FrameType | None = top
                while frame is not None:
                    if _is_file_of_ours(frame.f_code.co_filename):
                        self._locals(frame)
                    frame = frame.f_back

    def _locals(self, frame: FrameType) -> None:
        for name, value in list(frame.f_locals.items()):
            if name in _INCOMING:
                continue
            with contextlib.suppress(Exception):  # changed by its own thread meanwhile
                self.hear(f"{frame.f_code.co_qualname}: {name}", repr(value))


class _Handler(logging.Handler):
    def __init__(self, ears: Ears) -> None:
        super().__init__(level=1)
        self._ears = ears

    def emit(self, record: logging.LogRecord) -> None:
        self._ears.hear(f"the log of {record.name}", record.getMessage())
        self._ears.hear(f"the log of {record.name}", repr(vars(record)))
        if record.exc_info and record.exc_info[1] is not None:
            self._ears.error(record.exc_info[1])


def _is_ours(cls: type) -> bool:
    module = cls.__module__ or ""
    return isinstance(module, str) and module.startswith(OURS) and not module.startswith(NOT_OURS)


def _is_file_of_ours(file: str) -> bool:
    path = Path(file)
    if not path.is_relative_to(ROOT):
        return False
    first, *rest = path.relative_to(ROOT).parts
    return first in ("actors", "protocol", "websocket_v6") and not {"simulator", "cli"} & set(rest)


def _is_in_ours(frames: TracebackType | None) -> bool:
    while frames is not None:
        if _is_file_of_ours(frames.tb_frame.f_code.co_filename):
            return True
        frames = frames.tb_next
    return False


def _ours(error: BaseException) -> BaseException:
    """Return the error without the frames before our first: those are the caller's, who has the keys."""
    frames = error.__traceback__
    while frames is not None and not _is_file_of_ours(frames.tb_frame.f_code.co_filename):
        frames = frames.tb_next
    return error.with_traceback(frames)
