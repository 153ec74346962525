"""Whatever calls a simulated exchange from outside, from any thread."""

from typing import Any, Protocol

__all__ = ["Remote", "Runner"]


class Runner(Protocol):
    """Runs one exchange, in a thread or a process, and takes calls for it from any thread."""

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any: ...

    def shut_down(self) -> None: ...


class Remote:
    """Makes calls by name, as long as something runs."""

    _runner: Runner | None = None

    def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        if self._runner is None:
            raise RuntimeError("the simulator is not running: use it in a `with` block or call start()")
        return self._runner.call(name, *args, **kwargs)
