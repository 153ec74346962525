"""When a connection tries, waits, asks and gives up."""
