"""When what failed is started again, and what hangs."""
