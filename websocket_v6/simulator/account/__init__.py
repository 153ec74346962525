"""The accounts: keys, orders, balances, and the private messages that tell of them."""
