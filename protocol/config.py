"""Configuration: one immutable value, checked when it is made.

Nothing is required. A value that makes no sense is refused at once, with its name and what is accepted instead, which
`config_rules.py` knows.
"""

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from .config_rules import HOSTS, SECRETS, URLS, Algorithm, Format, Mode, Region, plaintext_problem, problem_of
from .dialing.proxies import without_password
from .dialing.servers import ReadFrom, Servers, parse_servers
from .errors import ConfigError
from .loopback import is_loopback
from .replaying import Replay, Speed, Start, moment
from .secret import Secret

__all__ = ["VARIABLES", "Config"]

# Field -> the environment variable that sets it; the other fields are for programs alone.
VARIABLES = {
    "access_key": "UPBIT_ACCESS_KEY",
    "secret_key": "UPBIT_SECRET_KEY",
    "url": "WEBSOCKET_V6_URL",
    "token": "WEBSOCKET_V6_TOKEN",
    "region": "WEBSOCKET_V6_REGION",
    "format": "WEBSOCKET_V6_FORMAT",
    "compression": "WEBSOCKET_V6_COMPRESSION",
    "mode": "WEBSOCKET_V6_MODE",
    "runtime_dir": "WEBSOCKET_V6_RUNTIME_DIR",
    "backfill": "WEBSOCKET_V6_BACKFILL",
    "allow_plaintext": "WEBSOCKET_V6_ALLOW_PLAINTEXT",
    "ca_file": "WEBSOCKET_V6_CA_FILE",
    "proxy": "WEBSOCKET_V6_PROXY",
    "fleet": "WEBSOCKET_V6_FLEET",
    "fleet_resume": "WEBSOCKET_V6_FLEET_RESUME",
}

_SWITCH = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """How the engine reaches the exchange and behaves. Nothing is required; durations are seconds; keys never show.

    Keys, the token and a proxy's password are kept as `Secret`: they are in no repr, traceback, JSON or pickle.

    Which exchange:
        region: whose markets, `kr`, `sg`, `id` or `th`.
        url: the public endpoint, by default the region's; the private and the info endpoint follow from it.
        access_key, secret_key: the account's; without them there is public data alone.
        token: of the host of another machine, whose door `url` is (`websocket-v6 serve --port`).
        rest_url: the base of the REST calls, without "/v1"; by default it follows from `url`.
        jwt_algorithm: of the private endpoints' tokens, `HS512` or `HS256`.
        token_lifetime: a prepared token older than 80 % of this is made anew.

    On the wire:
        format: `SIMPLE` (short names), `DEFAULT`, `JSON_LIST` or `SIMPLE_LIST`; the events are the same.
        compression: whether messages come deflated, fewer bytes for a little more CPU.
        gather: changes of what is wanted within this time become one request.

    Sharing connections:
        mode: `auto` uses the host of this user's processes or becomes it, `embedded` shares with nobody, `attach`
            needs a host that is there.
        runtime_dir: the folder where the processes meet, a short absolute path with mode 700.
        redundancy: connections for each endpoint, 1 to 3, with the same wants: the loss of one loses nothing.
        max_age: after which a connection is replaced by a new one, which takes over before the old one ends.

    When something is wrong:
        connect_timeout: for all of an attempt: name, addresses, proxy, TLS, the answer to the handshake.
        ping_interval, ping_timeout: a silent connection is pinged so often, and ended without an answer.
        backoff_initial, backoff_max: from the first attempt in vain to the next, and at most.
        silent_code_timeout: a code that has sent nothing for so long is reported as unknown.

    On the way there:
        proxy: http://, socks5:// or socks5h://[user:password@]host:port; "direct": none, whatever the environment says.
        ca_file: who is trusted to vouch for the exchange, instead of those whom the system trusts; a PEM file.
        allow_plaintext: send tokens to another machine without TLS, where whoever is in between reads them.

    All markets of a quote currency ("KRW-*"):
        markets_interval: the exchange's list of markets is asked for so often, on a sign of change six times as often.

    Many machines with one upstream:
        fleet: the server that they meet at: valkey://[user:password@]host:port/db, redis://, rediss:// and others.
        fleet_compression: the log of a machine that leads is compressed, for less memory and network and more CPU.
        fleet_delay: seconds between two reads of the log, up to which messages come later; it spares the server.
        fleet_private: share private data too, encrypted, with the machines that have the same keys.
        fleet_read: "replica": the log is read at a replica of the server; or the URL of one. By default at the server.
        fleet_retention: how far back the log of a machine that leads reaches.
        fleet_resume: a name under which this process goes on after the last event it was done with, when it is started
            anew. It never leads, and shares with no other process of its machine.

    Trades missed in a gap:
        backfill: fetch them over REST.
        backfill_max_gap: nothing is fetched of a longer gap.
        backfill_timeout: live trades wait no longer than this for those before them; own orders and balances that are
            reconciled no longer than that either, nor than 5 s.

    Instead of the exchange:
        recording: what `Config.replay` plays.

    Raises:
        ConfigError: if a value makes no sense.

    >>> config = Config(url=sim.url, mode="embedded", redundancy=2)
    >>> config.redundancy, config.region
    (2, 'kr')
    """

    access_key: str | Secret | None = None
    secret_key: str | Secret | None = None
    region: Region = "kr"
    url: str = ""
    token: str | Secret | None = None
    format: Format = "SIMPLE"
    compression: bool = True
    mode: Mode = "auto"
    runtime_dir: str | Path | None = None
    jwt_algorithm: Algorithm = "HS512"
    token_lifetime: float = 600.0
    connect_timeout: float = 10.0
    ping_interval: float = 20.0
    ping_timeout: float = 10.0
    backoff_initial: float = 0.5
    backoff_max: float = 30.0
    silent_code_timeout: float = 5.0
    markets_interval: float = 60.0
    gather: float = 0.005
    backfill: bool = False
    backfill_max_gap: float = 3600.0
    backfill_timeout: float = 15.0
    rest_url: str = ""
    redundancy: int = 1
    max_age: float | None = None
    allow_plaintext: bool = False
    ca_file: Path | str | None = None
    proxy: str | Secret | None = None
    recording: Replay | None = None
    fleet: str | Secret | None = None
    fleet_compression: bool = False
    fleet_delay: float = 0.0
    fleet_private: bool = False
    fleet_read: str | Secret | None = None
    fleet_retention: float = 300.0
    fleet_resume: str | None = None

    def __post_init__(self) -> None:
        """Check every field; fill in the region's URL."""
        for name in SECRETS:
            msgspec.structs.force_setattr(self, name, _hidden(getattr(self, name)))
        for name in ("proxy", "ca_file", "fleet", "fleet_read", "fleet_resume"):
            msgspec.structs.force_setattr(self, name, getattr(self, name) or None)
        for name in URLS:
            if isinstance(url := getattr(self, name), str) and "@" in url:
                msgspec.structs.force_setattr(self, name, Secret(url))
        if isinstance(self.runtime_dir, str):
            msgspec.structs.force_setattr(self, "runtime_dir", Path(self.runtime_dir))
        host = HOSTS.get(self.region) if isinstance(self.region, str) else None  # else it is refused below
        is_alone = self.recording is not None or (self.fleet_resume is not None and self.mode == "auto")
        if is_alone:  # it is this process's own
            msgspec.structs.force_setattr(self, "mode", "embedded")
        url = self.url or f"wss://{host}/websocket/v1"
        msgspec.structs.force_setattr(self, "url", url.rstrip("/") if isinstance(url, str) else url)
        problem = problem_of(msgspec.structs.asdict(self), {})
        if problem:
            del self, url
            raise ConfigError(problem)

    @classmethod
    def replay(
        cls,
        path: str | Path,
        *,
        speed: Speed = "max",
        start: Start = "ready",
        from_: datetime | None = None,
        to: datetime | None = None,
        digests: bool = False,
    ) -> "Config":
        """Return the configuration that plays a recording, a file or a folder of those that were rotated.

        `speed` is how many times its own pace it has; at "max" each record waits until all callbacks for the one before
        it have returned, and whoever pulls has come back: the same events each time, whatever the machine does. It
        begins when the program is ready: `run()`, `wait_ready()`, the first `get()` or iteration; with
        `start="subscribe"` at the first subscription. `from_` and `to` are moments; without a zone they are UTC. With
        `digests` each subscription has a hash of what it delivered: `subscription.digest`.

        Raises:
            ConfigError: if a value makes no sense.

        Example:
            WebSocketClientProxy("backtest", config=Config.replay("day.wsr"))
        """
        between = moment("from_", from_), moment("to", to)
        return cls(recording=Replay(path, speed, start, *between, digests))

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Config":
        """Return the configuration that the environment describes; a variable that is empty counts as unset.

        Raises:
            ConfigError: if a value makes no sense; the message names the variable.
        """
        environ = os.environ if environ is None else environ
        given = {field: _value(field, environ[name]) for field, name in VARIABLES.items() if environ.get(name)}
        # It holds the keys, and tracebacks are sometimes printed with all local variables.
        del environ
        problem = problem_of(given, VARIABLES)
        if problem:
            del given  # a URL that is refused may hold a password
            raise ConfigError(problem)
        return cls(**given)

    @property
    def proxy_url(self) -> str | None:
        """The proxy with its password, for whoever connects."""
        return self.proxy.reveal() if isinstance(self.proxy, Secret) else self.proxy

    @property
    def fleet_servers(self) -> Servers | None:
        """Where the fleet's server is, for whoever connects; None without a fleet."""
        url = self.fleet.reveal() if isinstance(self.fleet, Secret) else self.fleet
        return None if url is None else parse_servers(url)

    @property
    def fleet_replicas(self) -> ReadFrom:
        """Where the fleet's log is read: at any replica, at those of a URL, or at the server itself."""
        url = self.fleet_read.reveal() if isinstance(self.fleet_read, Secret) else self.fleet_read
        return "replica" if url == "replica" else None if url is None else parse_servers(url)

    @property
    def private_url(self) -> str:
        """The endpoint of orders, assets and announcements."""
        return f"{self.url}/private"

    @property
    def info_url(self) -> str:
        """The endpoint of indicators."""
        return f"{self.url}/info"

    @property
    def rest_base(self) -> str:
        """Where the REST calls are: by default on the exchange's host of the WebSocket, as in all regions."""
        if self.rest_url:
            return self.rest_url.rstrip("/")
        if self.token is not None:  # a host has none, and needs not be asked for what everybody may see
            return f"https://{HOSTS[self.region]}"
        return "http" + self.url.removeprefix("ws").removesuffix("/websocket/v1")

    def check_secrecy(self) -> None:
        """Check that a token may be sent to `url`.

        Raises:
            ConfigError: if everybody in between could read it.
        """
        problem = plaintext_problem(self.url, {}) if not self.allow_plaintext else None
        if problem:
            raise ConfigError(problem)

    def check_rest_secrecy(self) -> None:
        """Check that a token may be sent with REST calls.

        Raises:
            ConfigError: if everybody in between could read it.
        """
        base = self.rest_base
        if base.startswith("http://") and not self.allow_plaintext and not is_loopback(urlsplit(base).hostname or ""):
            raise ConfigError(
                f"rest_url={base!r:.80} would carry tokens in clear: give https://, or, only where nobody else is in "
                "between, set allow_plaintext"
            )

    def without_keys(self) -> "Config":
        """Return this configuration without its keys and its token, for whatever has no business with them."""
        rest_url = self.rest_base if self.token is not None else self.rest_url  # which follows from the token
        return msgspec.structs.replace(self, access_key=None, secret_key=None, token=None, rest_url=rest_url)

    def __repr__(self) -> str:
        return f"Config({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [(name, _shown(name, value)) for name, value in msgspec.structs.asdict(self).items()]

    def __reduce__(self) -> Any:
        if self.access_key or self.token or any(isinstance(getattr(self, name), Secret) for name in URLS):
            raise TypeError(
                "keys do not leave their process: send config.without_keys(), or use Config.from_env() there"
            )
        return super().__reduce__()


def _shown(field: str, value: Any) -> Any:
    if field in ("fleet", "fleet_read") and isinstance(value, Secret):
        servers = parse_servers(value.reveal())
        return "set" if servers is None else servers.shown.replace("://", "://***@", 1)
    return without_password(value.reveal()) if field == "proxy" and isinstance(value, Secret) else value


def _value(field: str, text: str) -> Any:
    """Read a variable as far as that makes sense; what does not is for `problem_of` to refuse."""
    match field:
        case "access_key" | "secret_key" | "token":
            return Secret(text)
        case "compression" | "backfill" | "allow_plaintext":
            return _SWITCH.get(text.lower(), text)
        case "runtime_dir":
            return Path(text)
        case "region" | "mode":
            return text.lower()
        case "format":
            return text.upper()
        case _:
            return text


def _hidden(value: Any) -> Any:
    """Return a secret as it is kept; what can be none is for `problem_of` to refuse."""
    return Secret(value) if isinstance(value, str) and value else value or None
