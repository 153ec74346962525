"""One connection and the thread that owns its socket."""
