"""The markets: books, trades, candles, what follows from them, and the messages that tell of it."""
