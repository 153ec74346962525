"""Whether a host serves all that is wanted of it: what `/readyz` says."""

from websocket_v6.health import Health

__all__ = ["unready"]

_WELL = ("open", "idle")  # idle: nobody wants anything of it


def unready(health: Health) -> tuple[str, ...]:
    """Return what is in the way, a line for each; nothing if it is ready.

    An endpoint that is served by one connection is served, however the others do.
    """
    open_ = {one.endpoint for one in health.connections if one.state == "open"}
    waiting = [
        f"{one.endpoint}: {one.error or one.state}"
        for one in health.connections
        if one.state not in _WELL and one.endpoint not in open_
    ]
    down = [
        f"{one.part} is started again in {one.next_attempt:.1f} s: {one.error}"
        for one in health.restarts
        if one.next_attempt is not None
    ]
    return (*waiting, *down)
