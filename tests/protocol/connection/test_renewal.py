import math

import pytest

from websocket_v6.protocol.connection.renewal import Renewal
from websocket_v6.protocol.connection.steps import Renew


def test_an_heir_is_asked_for_at_an_age_that_differs_by_chance() -> None:
    for draw, due in ((0.0, 200.0), (0.5, 195.0), (1.0, 190.0)):
        renewal = Renewal(100.0, lambda: draw)  # noqa: B023
        renewal.begin(100.0, ages=True)
        assert renewal.due == pytest.approx(due)
        assert renewal.meet(renewal.due - 0.1) == []
        assert renewal.meet(renewal.due) == [Renew("age")]


def test_it_is_asked_for_until_it_serves() -> None:
    renewal = Renewal(100.0, lambda: 0.0)
    renewal.begin(0.0, ages=True)
    assert renewal.meet(100.0) == [Renew("age")]
    assert renewal.due == 110.0
    assert renewal.want(Renew("keys"), 105.0) == [Renew("keys")]
    assert renewal.due == 165.0
    assert renewal.meet(165.0) == [Renew("keys")]


@pytest.mark.parametrize(("max_age", "ages"), [(None, True), (100.0, False)])
def test_what_does_not_age_is_renewed_for_other_reasons_only(max_age: float | None, ages: bool) -> None:
    renewal = Renewal(max_age, lambda: 0.0)
    renewal.begin(0.0, ages=ages)
    assert renewal.due == math.inf
    assert renewal.want(Renew("keys"), 5.0) == [Renew("keys")]
    assert renewal.due == 65.0


def test_a_new_connection_begins_anew() -> None:
    renewal = Renewal(None, lambda: 0.0)
    renewal.want(Renew("keys"), 5.0)
    renewal.begin(10.0, ages=True)
    assert renewal.due == math.inf
