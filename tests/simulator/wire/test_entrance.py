"""wire/entrance.py: listening, and the end of it."""

import contextlib
import gc
import socket
import threading

import pytest

from websocket_v6.simulator import Simulator


@pytest.mark.filterwarnings("error")
def test_who_comes_while_it_stops_leaves_no_socket_behind() -> None:
    unclosed: list[object] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.unraisablehook", unclosed.append)
        for _ in range(10):
            with Simulator(["KRW-BTC"]) as sim:
                _stop_under_a_storm(sim)
            gc.collect()
    assert not unclosed


def _stop_under_a_storm(sim: Simulator) -> None:
    stopped, some = threading.Event(), threading.Event()

    def connect() -> None:
        while not stopped.is_set():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", sim.port), timeout=1.0):
                some.set()

    callers = [threading.Thread(target=connect) for _ in range(3)]
    for one in callers:
        one.start()
    assert some.wait(20.0)
    sim.stop()
    stopped.set()
    for one in callers:
        one.join()
