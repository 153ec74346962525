"""A recording as the user of an event loop holds it."""

from types import TracebackType

from websocket_v6.protocol.errors import RecordingError
from websocket_v6.recording import Recording as Synchronous

from .docs import explained_by
from .home import Home
from .running import run

__all__ = ["Recording"]


@explained_by(Synchronous)
class Recording:
    """What a component subscribed to, on its way into a file until `end()`. An asynchronous context manager."""

    def __init__(self, recording: Synchronous, home: Home) -> None:
        self._recording = recording
        self._home = home

    @property
    def error(self) -> RecordingError | None:
        """What ended it, if anything did; what is written up to then can be read."""
        return self._recording.error

    @property
    def messages(self) -> int:
        """How many messages are in its files."""
        return self._recording.messages

    async def end(self, timeout: float = 10.0) -> None:
        await run(self._home, self._recording.ended(timeout))

    async def __aenter__(self) -> "Recording":
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.end()
