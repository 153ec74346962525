from websocket_v6.protocol.connection.backoff import Backoff, block_of
from websocket_v6.protocol.errors import AuthenticationError, RateLimitedError, TransportError


def test_the_ceiling_doubles_up_to_the_maximum() -> None:
    backoff = Backoff(0.5, 30.0, lambda: 1.0)
    assert [backoff.failed() for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_jitter_is_full() -> None:
    assert Backoff(0.5, 30.0, lambda: 0.0).failed() == 0.0


def test_success_starts_over() -> None:
    backoff = Backoff(0.5, 30.0, lambda: 1.0)
    backoff.failed()
    backoff.failed()
    backoff.succeeded()
    assert backoff.failed() == 0.5


def test_a_block_is_sat_out_whole() -> None:
    backoff = Backoff(0.5, 30.0, lambda: 0.5)
    assert backoff.failed(RateLimitedError("slow down", status=418, retry_after=120.0)) == 120.25


def test_a_block_of_unknown_length_is_taken_for_a_minute() -> None:
    backoff = Backoff(0.5, 30.0, lambda: 0.0)
    assert backoff.failed(RateLimitedError("blocked", status=418)) == 60.0
    assert backoff.failed(RateLimitedError("slow down", status=429)) == 1.0
    assert backoff.failed(RateLimitedError("slow down", status=400)) == 1.0
    assert backoff.failed(TransportError("gone")) == 0.0


def test_years_of_failures_do_not_overflow() -> None:
    backoff = Backoff(0.5, 30.0, lambda: 1.0)
    assert {backoff.failed() for _ in range(5000)} <= {0.5, 1, 2, 4, 8, 16, 30}


def test_no_block_is_believed_to_last_longer_than_ten_minutes() -> None:
    assert block_of(RateLimitedError("blocked", status=418, retry_after=1e12)) == 600.0
    assert Backoff(0.5, 30.0, lambda: 0.0).failed(TransportError("out of order", retry_after=86_400.0)) == 600.0


def test_what_says_nothing_of_a_block_is_none() -> None:
    assert block_of(TransportError("gone")) is None
    assert block_of(AuthenticationError("refused")) is None
    assert block_of(None) is None
    assert block_of(TransportError("out of order", retry_after=0.0)) == 0.0


def test_a_successor_goes_on_counting() -> None:
    backoff = Backoff(0.5, 30.0, lambda: 1.0, failures=3)
    assert backoff.failed() == 4.0
    assert backoff.failures == 4
