"""What messages of the exchange become: one batch and its notices."""

from websocket_v6.actors.connection.intake import ExchangeIntake
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.exchange.heads import ErrorNotice, StatusUp

TICKER = b'{"ty":"ticker","cd":"KRW-BTC","tp":1.0}'
UP = b'{"status":"UP"}'
ERROR = b'{"error":{"name":"WRONG_FORMAT","message":"no"}}'
STREAM = "ticker KRW-BTC"


def test_of_the_exchange_data_is_one_batch_before_what_is_none() -> None:
    intake = ExchangeIntake("public", 3)
    batch, up, error = intake.read([UP, TICKER, ERROR, TICKER], 7, 8)
    assert batch == Batch("public", 3, 7, 8, [STREAM] * 2, [TICKER] * 2)
    assert (up, error) == (StatusUp(), ErrorNotice("WRONG_FORMAT", "no"))
    assert list(intake.read([UP], 7, 8)) == [StatusUp()]
    assert list(intake.read([], 7, 8)) == []
