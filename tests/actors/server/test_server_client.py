"""One socket of a server, as it is when it has just come."""

import socket

import pytest

from websocket_v6.actors.server.outlet import Account, Outlet
from websocket_v6.actors.server.server_client import Client, CutOff, Stage
from websocket_v6.actors.ways import Way


@pytest.mark.parametrize(("pid", "name"), [(4711, "process 4711"), (0, "somebody")])
def test_who_has_just_come_is_nobody_yet(pid: int, name: str) -> None:
    ours, peer = socket.socketpair()
    with ours, peer:
        outlet = Outlet(ours, ours.send, Account(5), lambda: None)
        client = Client(3, ours, outlet, Way(3, None), pid, 12.0)  # type: ignore[arg-type]
        assert (client.name, client.pid, client.number, client.deadline) == (name, pid, 3, 12.0)
        assert (client.stage, client.session, client.decoder, client.member) == (Stage.HANDSHAKE, None, None, "")
        with pytest.raises(AttributeError):
            client.membr = "a typing error"  # type: ignore[attr-defined]


def test_who_is_cut_off_hears_code_and_reason() -> None:
    error = CutOff(1003, "no text")
    assert (error.code, error.reason, str(error)) == (1003, "no text", "no text")
