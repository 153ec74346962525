"""Where a connection goes and by which way: places, their addresses in turn, proxies."""
