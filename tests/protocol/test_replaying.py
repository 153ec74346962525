from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from websocket_v6.protocol.errors import ConfigError
from websocket_v6.protocol.replaying import Replay, moment


def test_a_path_may_be_text() -> None:
    assert Replay("a/day.wsr").path == Path("a/day.wsr")


@pytest.mark.parametrize(("speed", "rate"), [("max", None), (10, 10.0), (0.5, 0.5)])
def test_a_speed_is_a_rate(speed: Any, rate: float | None) -> None:
    assert Replay("a", speed).rate == rate


@pytest.mark.parametrize(
    "arguments",
    [(5,), ("",), ("a", 0), ("a", -1), ("a", True), ("a", float("inf")), ("a", "fast"), ("a", 1, "now")],
)
def test_nonsense_is_refused(arguments: Any) -> None:
    with pytest.raises(ConfigError):
        Replay(*arguments)
    with pytest.raises(ConfigError):
        Replay("a", 1, "ready", 5, 5)


def test_a_moment_without_a_zone_is_utc_and_exact() -> None:
    told = datetime(2021, 4, 5, 18, 17, 0, 123456)
    assert moment("to", told) == moment("to", told.replace(tzinfo=UTC)) == 1617646620123456000
    assert moment("to", told.replace(tzinfo=timezone(timedelta(hours=9)))) == 1617614220123456000
    assert moment("to", None) is None
    with pytest.raises(ConfigError, match="from_=5"):
        moment("from_", 5)  # type: ignore[arg-type]
