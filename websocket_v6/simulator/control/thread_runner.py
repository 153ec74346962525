"""Where the simulated exchange runs: in a thread of this process, or in a process of its own.

Both take the same calls: the name of a method as seen from the exchange (`feed.tick`), with its arguments. To another
process they go over a pipe; what crosses it is pickled, which is safe because both ends are this very program.
"""

import asyncio
import contextvars
import itertools
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from operator import attrgetter
from typing import Any, Protocol

from ..exact import be_exact
from ..wire.entrance import Server
from .exchange import Exchange, Settings

__all__ = ["ProcessRunner", "Runner", "ThreadRunner"]

_CALL_SECONDS = 120.0
_END_SECONDS = 10.0
_MADE = -1  # the number of the first answer: whether the exchange could be made
_GONE = "the simulator's process is gone: make another"


class Runner(Protocol):
    """Runs one exchange and takes calls for it from any thread."""

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any: ...

    def shut_down(self) -> None: ...


class _Host:
    """An exchange and its server in one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._exchange = Exchange(settings)
        self._server = Server(self._exchange, settings.host, settings.port, settings.tls)

    async def call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Make one call and let what follows from it go out before returning."""
        be_exact()
        owner: Any = self if name in {"start", "stop"} else self._exchange
        value = attrgetter(name)(owner)(*args, **kwargs)
        if asyncio.iscoroutine(value):
            value = await value
        await self._exchange.settle()
        return value

    async def start(self) -> int:
        self._exchange.attach(asyncio.get_running_loop())
        await self._server.start()
        return self._server.port

    async def stop(self) -> None:
        await self._server.stop()

    async def shut_down(self) -> None:
        self._exchange.faults.resume()
        await self._exchange.player.stop_playing()
        await self._server.stop()
        self._exchange.detach()


def _make_host(settings: Settings) -> _Host:
    be_exact()
    return _Host(settings)


class ThreadRunner:
    """Runs the exchange in a thread of its own."""

    def __init__(self, settings: Settings) -> None:
        # Made here, where the caller can be told what is wrong with the settings.
        self._host = contextvars.copy_context().run(_make_host, settings)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name="simulator", daemon=True)
        self._thread.start()
        self._ready.wait()

    def submit(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> "Future[Any]":
        if not self._thread.is_alive():
            raise RuntimeError("the simulator is closed: make another")
        return asyncio.run_coroutine_threadsafe(self._host.call(name, args, kwargs), self._loop)

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return self.submit(name, args, kwargs).result(_CALL_SECONDS)

    def shut_down(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join()

    async def _main(self) -> None:
        be_exact()
        self._loop = asyncio.get_running_loop()
        self._closing = asyncio.Event()
        self._ready.set()
        await self._closing.wait()
        await self._host.shut_down()


class ProcessRunner:
    """Runs the exchange in another process, so that it shares no interpreter lock with the program under test."""

    def __init__(self, settings: Settings) -> None:
        # A session of its own: Ctrl-C ends the program, and with it the pipe, and that ends the simulator.
        self._process = subprocess.Popen(  # noqa: S603  # our own interpreter with our own code
            [sys.executable, "-c", f"from {__name__} import serve; serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,
        )
        self._numbers = itertools.count()
        self._answers: dict[int, Future[Any]] = {}
        self._lock = threading.Lock()
        self._answers[_MADE] = made = Future[Any]()
        self._send(settings)
        self._reader = threading.Thread(target=self._read, name="simulator pipe", daemon=True)
        self._reader.start()
        try:
            made.result(_CALL_SECONDS)
        except BaseException:
            self.shut_down()
            raise

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        answer: Future[Any] = Future()
        number = next(self._numbers)
        self._answers[number] = answer
        self._send((number, name, args, kwargs))
        if not self._reader.is_alive():
            self._abandon()
        return answer.result(_CALL_SECONDS)

    def shut_down(self) -> None:
        with suppress(RuntimeError):  # it may be gone already
            self._send(None)
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):  # what was not sent to a dead process cannot be flushed
                    stream.close()

    def _send(self, message: object) -> None:
        assert self._process.stdin is not None
        try:
            with self._lock:
                pickle.dump(message, self._process.stdin)
                self._process.stdin.flush()
        except OSError as exc:
            raise RuntimeError(_GONE) from exc

    def _read(self) -> None:
        assert self._process.stdout is not None
        while True:
            try:
                number, failed, value = pickle.load(self._process.stdout)  # noqa: S301  # our own program wrote it
            except (EOFError, OSError, pickle.UnpicklingError):
                break
            answer = self._answers.pop(number)
            if failed:
                answer.set_exception(value)
            else:
                answer.set_result(value)
        self._abandon()

    def _abandon(self) -> None:
        """Let nobody wait for a process that has ended."""
        for number in list(self._answers):
            answer = self._answers.pop(number, None)
            if answer is not None:
                answer.set_exception(RuntimeError(_GONE))


def serve() -> None:
    """Run in the other process: take calls from standard input until it closes, answer on standard output."""
    calls, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # so that nothing else is written among the answers
    lock = threading.Lock()

    def send(number: int, failed: bool, value: object) -> None:
        with lock, suppress(OSError):  # nobody waits for an answer from a program that is gone
            pickle.dump((number, failed, value), answers)
            answers.flush()

    def answer(number: int, future: "Future[Any]") -> None:
        if future.cancelled():
            return  # by the end of the simulator, while the call waited
        error = future.exception()
        send(number, error is not None, future.result() if error is None else error)

    try:
        runner = ThreadRunner(pickle.load(calls))  # noqa: S301  # the program that started this one wrote it
    except (OSError, ValueError) as error:
        send(_MADE, True, error)
        return
    send(_MADE, False, None)
    try:
        while (message := pickle.load(calls)) is not None:  # noqa: S301
            number, name, args, kwargs = message
            runner.submit(name, args, kwargs).add_done_callback(partial(answer, number))
    except (EOFError, OSError):
        pass  # the program that started this one is gone
    finally:
        runner.shut_down()
