"""Which fleets a process belongs to, and how it reaches each: that of public data, and that of its account.

Who has other keys leads and reads other private data, so an account is a fleet of its own, with its own leader and log.
"""

import uuid
from collections.abc import Mapping
from typing import NamedTuple

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.dialing.servers import ReadFrom, Servers
from websocket_v6.protocol.fleet.ids import Keys, scope_of
from websocket_v6.protocol.fleet.sealing import Seal, account_of, check_sealing
from websocket_v6.protocol.secret import Secret
from websocket_v6.protocol.zstd import check_zstd

__all__ = ["LogAccess", "fleets_of", "new_machine"]


class LogAccess(NamedTuple):
    """How a log is reached: its server, its keys, and the account's secret if it is encrypted."""

    servers: Servers
    keys: Keys
    secret: Secret | None = None
    read_from: ReadFrom = None

    def seal(self, key: str, log: str = "") -> Seal | None:
        """Return what encrypts what stands under a key, of one log if need be; None if nothing does."""
        return None if self.secret is None else Seal(self.secret, log, key)


def new_machine() -> str:
    """Return an id that no other machine has."""
    return uuid.uuid4().hex[:12]


def fleets_of(config: Config, secret: Secret | None = None) -> Mapping[str, tuple[LogAccess, tuple[str, ...]]]:
    """Return the fleets of a process, and the endpoints that each has. `secret`: of keys that came later.

    Raises:
        ConfigError: if what they need is not installed.
    """
    servers = config.fleet_servers
    if servers is None:
        return {}
    from .lines import check_client

    check_client()
    check_zstd("the log of a fleet may be", "fleet")
    read_from = config.fleet_replicas
    fleets: dict[str, tuple[LogAccess, tuple[str, ...]]] = {}
    fleets["fleet"] = LogAccess(servers, Keys(scope_of(config.url)), read_from=read_from), ("public",)
    if config.fleet_private:
        check_sealing()
    secret = secret or (config.secret_key if isinstance(config.secret_key, Secret) else None)
    if config.fleet_private and secret:
        keys = Keys(scope_of(config.url, account_of(secret.reveal())))
        fleets["account"] = (LogAccess(servers, keys, secret, read_from), ("private", "info"))
    return fleets
