"""The measurement of all markets does measure: the same streams each way, in one request of about the same size."""

from bench.all_markets import WAYS, run
from websocket_v6.simulator import Simulator

CODES = [f"KRW-M{number:03}" for number in range(12)]


def test_each_way_is_served_the_same() -> None:
    with Simulator(markets=CODES, traffic=100.0, limits=None) as sim:
        found = {way: run(sim.url, way, CODES, 0.5) for way in WAYS}
    assert {one["streams"] for one in found.values()} == {36}
    assert all(one["messages"] > 0 and one["CPU (us/message)"] > 0 for one in found.values())
    assert found["pattern"]["requests"] <= 2, "one, and another one if the types were not gathered in time"
