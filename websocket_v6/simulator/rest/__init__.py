"""The exchange's REST side: HTTP on the same port, market data, orders and balances."""
