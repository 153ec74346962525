"""What type checkers must find: each line with `wrong` has one error, and no other line has any."""

from websocket_v6 import Mailbox, WebSocketClientProxy

proxy = WebSocketClientProxy("wrong")
proxy.subscribe_ticker(5)  # wrong
proxy.subscribe_ticker(["KRW-BTC"], mailbocks=Mailbox.latest())  # wrong
proxy.subscribe_orderbook(["KRW-BTC"], depth="five")  # wrong
price = proxy.get_ticker_snapshot(["KRW-BTC"]).price  # wrong
