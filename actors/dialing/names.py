"""Looking up names. The system gives no way to end a look-up, and one may hang for minutes: so each has a thread of its
own, which is left to itself once nobody waits any more.

A name that is being looked up is not asked for a second time: who comes later waits for the same answer. So a look-up
without an end holds one thread, however often it is tried again.
"""

import queue
import socket
import threading
from typing import TypeAlias

from websocket_v6.actors.forks import in_child
from websocket_v6.protocol.dialing.addresses import Address
from websocket_v6.protocol.limits import LOOK_UPS

from .attempt import Attempt

__all__ = ["look_up"]

_Answer: TypeAlias = list[Address] | Exception


def look_up(host: str, port: int, attempt: Attempt) -> list[Address]:
    """Return the addresses of `host`, in the system's order.

    Raises:
        OSError: if it has none (socket.gaierror), too many look-ups hang, or the attempt's time is over (TimeoutError).
        UnicodeError: if it is none.
        GivenUp: if the attempt is aborted.
    """
    attempt.doing = f"looking up {host}"
    try:
        return _ask_system(host, port, socket.AI_NUMERICHOST)
    except socket.gaierror:
        pass  # a name
    answers: queue.SimpleQueue[_Answer | None] = queue.SimpleQueue()
    _look_ups.join(host, port, answers)
    try:
        with attempt.interrupted_by(lambda: answers.put(None)):
            answer = answers.get(timeout=attempt.remaining())
    except queue.Empty:
        answer = None
    if answer is None:
        attempt.remaining()  # raises why
        raise TimeoutError(f"{host} could not be looked up in time")
    if isinstance(answer, Exception):
        raise answer
    return answer


def _ask_system(host: str, port: int, flags: int = 0) -> list[Address]:
    # IPPROTO_TCP: else each address comes once for each kind of socket.
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=flags)
    return [Address(family, address) for family, _, _, _, address in found]


class _LookUps:
    """The look-ups under way in this process, and who waits for each."""

    def __init__(self) -> None:
        self._after_fork()
        in_child(self)

    def _after_fork(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[tuple[str, int], list[queue.SimpleQueue[_Answer | None]]] = {}

    def join(self, host: str, port: int, answers: "queue.SimpleQueue[_Answer | None]") -> None:
        """Have the answer put into `answers`."""
        with self._lock:
            waiting = self._waiting.get((host, port))
            if waiting is not None:
                waiting.append(answers)
                return
            if len(self._waiting) >= LOOK_UPS:
                names = ", ".join(sorted({name for name, _ in self._waiting}))
                raise OSError(f"{LOOK_UPS} name look-ups do not end ({names:.200}): look at this machine's resolver")
            thread = threading.Thread(target=self._run, args=(host, port), name=f"look-up-{host}", daemon=True)
            thread.start()
            self._waiting[host, port] = [answers]

    def _run(self, host: str, port: int) -> None:
        answer: _Answer
        try:
            answer = _ask_system(host, port)
        except Exception as exc:  # noqa: BLE001 - told where it was asked for
            answer = exc.with_traceback(None)
        with self._lock:
            waiting = self._waiting.pop((host, port), [])
        for one in waiting:
            one.put(answer)


_look_ups = _LookUps()
