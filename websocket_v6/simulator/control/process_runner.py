"""The simulated exchange in a process of its own, with its ends in both.

Calls go over a pipe; what crosses it is pickled, which is safe because both ends are this very program.
"""

import gc
import itertools
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any

from .settings import Settings
from .thread_runner import ThreadRunner

__all__ = ["ProcessRunner", "serve"]

_COLLECT_EACH = 50_000  # new objects; the usual 700 cost a twelfth of the pace

_CALL_SECONDS = 120.0
_END_SECONDS = 10.0
_MADE = -1  # the number of the first answer: whether the exchange could be made
_GONE = "the simulator's process is gone: make another"


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
    # Nothing here refers back to itself but what lasts, and there is nobody else in this process to clean up for.
    gc.set_threshold(_COLLECT_EACH, 50, 100)
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
