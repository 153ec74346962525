from tests.valkey import Valkey, needs_server
from websocket_v6.actors.fleet.lines import open_line
from websocket_v6.actors.fleet.presence import Presence
from websocket_v6.protocol.dialing.servers import Servers
from websocket_v6.protocol.fleet.sealing import Seal
from websocket_v6.protocol.fleet.wants import Machine, MachineWants, decode_machine, decode_wants
from websocket_v6.protocol.secret import Secret

from .conftest import KEYS

pytestmark = needs_server


def test_what_is_wanted_is_written_with_a_life_and_the_leader_told(server: Valkey, servers: Servers) -> None:
    presence = Presence(KEYS, "me", Machine("bot", 7))
    assert presence.want("public", b"request")
    assert not presence.want("public", b"request")
    assert presence.wants_something
    line = open_line(servers, KEYS.lead)
    line.call(*presence.publish())
    with server.client() as client:
        assert decode_wants(client.get(KEYS.want("me"))) == MachineWants(1, {"public": b"request"})
        assert 10_000 < client.pttl(KEYS.want("me")) <= 15_000
        assert decode_machine(client.hget(KEYS.machines, "me")).version == 1
        ((_, said),) = client.xrange(KEYS.control)
        assert said == {b"kind": b"want", b"machine": b"me", b"version": b"1"}
        assert line.call(*presence.renew())[0] == 1
        client.delete(KEYS.want("me"))
        assert line.call(*presence.renew())[0] == 0, "it has to be written again"
        presence.read("public", "7-3", 900)
        line.call(*presence.publish(is_news=False))
        about = decode_machine(client.hget(KEYS.machines, "me"))
        assert (about.version, about.places, about.lag_us) == (1, {"public": "7-3"}, {"public": 900})
        presence.want("public", b"")
        line.call(*presence.publish())
        assert not client.exists(KEYS.want("me"))
        line.call(*presence.leave())
        assert not client.hexists(KEYS.machines, "me")
    line.close()


def test_what_an_account_wants_is_encrypted() -> None:
    seal = Seal(Secret("secret"), "", "key")
    presence = Presence(KEYS, "me", Machine("bot", 7), seal)
    presence.want("private", b"myOrder")
    (write,) = [command for command in presence.publish() if command[0] == "SET"]
    assert isinstance(write[2], bytes)
    assert b"myOrder" not in write[2]
    assert decode_wants(seal.open_value(write[2])).requests == {"private": b"myOrder"}
