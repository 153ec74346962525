"""What will be known later."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

import pykka

__all__ = ["Future"]

T = TypeVar("T")


class Future(pykka.ThreadingFuture[T]):
    """An answer to come, for those who wait for it and for those who must not: they have themselves called."""

    def __init__(self) -> None:
        super().__init__()
        self._told = threading.Lock()
        self._is_done = False
        self._calls: list[Callable[[], object]] = []

    def then(self, call: Callable[[], object]) -> None:
        """Have `call` called once the answer is there, in the thread that gives it; at once if it is there already."""
        with self._told:
            if not self._is_done:
                self._calls.append(call)
                return
        call()

    def hand_to(self, call: Callable[[T], object]) -> None:
        """Have `call` called with the answer, as `then` does; never if there is none: who was asked has failed."""

        def hand() -> None:
            try:
                answer = self.get()
            except Exception:  # noqa: BLE001 - the supervisor knows of it
                return
            call(answer)

        self.then(hand)

    def set(self, value: T | None = None) -> None:
        super().set(value)
        self._tell()

    def set_exception(self, exc_info: Any = None) -> None:
        super().set_exception(exc_info)
        self._tell()

    def _tell(self) -> None:
        with self._told:
            self._is_done = True
            calls, self._calls = self._calls, []
        for call in calls:
            call()
