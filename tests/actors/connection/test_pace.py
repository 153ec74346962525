from concurrent.futures import ThreadPoolExecutor

import pytest

from websocket_v6.actors.connection import pace
from websocket_v6.actors.connection.pace import SharedPace, pace_of


def test_other_hosts_have_a_pace_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "_paces", {})
    pace_of("ws://one/public").block(5.0)
    assert pace_of("ws://one/private").blocked_until == 5.0
    assert pace_of("ws://two/private").blocked_until < 0.0


def test_many_threads_share_the_pace() -> None:
    shared = SharedPace()
    with ThreadPoolExecutor(8) as threads:
        turns = sorted(threads.map(lambda _: shared.reserve(0.0), range(400)))
    assert turns == [float(index // 4) for index in range(400)]
