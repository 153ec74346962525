"""The meters, which every contender calls."""

import threading
import time
from decimal import Decimal

import pytest

from bench.meter import FanMeter, LapMeter, StampMeter

SENT = [("KRW-BTC", Decimal(116606000)), ("KRW-ETH", Decimal("0.00079276")), ("KRW-XRP", Decimal("28.0"))]


def test_the_warm_up_is_not_counted() -> None:
    meter = LapMeter(4, 7, SENT)
    for index in range(30):
        assert meter.is_done == (index >= 11)
        meter.took(*SENT[index % 3])
    meter.wait()
    reading = meter.reading()
    assert reading.messages == 7
    assert reading.wall_seconds >= 0
    assert reading.peak_mib > 1


@pytest.mark.parametrize("price", ["7.9276E-4", 0.00079276, Decimal("0.00079276")])
def test_any_spelling_of_a_price_will_do(price: object) -> None:
    meter = LapMeter(1, 1, SENT)
    meter.took(*SENT[0])
    meter.took("KRW-ETH", price)
    assert meter.reading().messages == 1


def test_a_lost_message_is_found_out() -> None:
    meter = LapMeter(1, 3, SENT)
    for index in (0, 1, 3, 4):  # the third is lost
        meter.took(*SENT[index % 3])
    with pytest.raises(ValueError, match="message 4 was read as KRW-ETH"):
        meter.reading()


def test_deliveries_are_counted_across_threads() -> None:
    meter = FanMeter(100, 700)

    def deliver() -> None:
        for _ in range(100):
            meter.took("KRW-BTC", 1)

    threads = [threading.Thread(target=deliver) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    meter.wait()
    assert meter.reading().messages == 700


def test_stamps_are_in_order() -> None:
    meter = StampMeter(3)
    for _ in range(3):
        assert not meter.is_done
        meter.took("KRW-BTC", 1)
    meter.wait()
    assert list(meter.stamps) == sorted(meter.stamps)
    assert meter.reading().messages == 3


def test_stamps_of_the_warm_up_are_not_counted() -> None:
    meter = StampMeter(3, warm_up=2)
    meter.took("KRW-BTC", 1)
    spend(0.05)
    for _ in range(2):
        meter.took("KRW-BTC", 1)
    reading = meter.reading()
    assert (reading.messages, len(meter.stamps)) == (1, 3)
    assert reading.cpu_seconds < 0.05


def spend(seconds: float) -> None:
    """Use up CPU time."""
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass
