"""Configuration: one immutable value, checked when it is made.

Nothing is required. A value that makes no sense is refused at once, with its name and what is accepted instead.
Source: Upbit WebSocket reference, "Endpoints", "Regions", "Keep-alive" (the exchange drops a connection that is silent
for 60 s) and "Authentication".
"""

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

import msgspec

from .dialing.proxies import DIRECT, PROXY_FORM, parse_proxy, without_password
from .dialing.servers import SERVERS_FORM, Servers, parse_servers
from .errors import ConfigError
from .exchange.tokens import KEY_FORM, is_key
from .loopback import is_loopback
from .replaying import Replay, Speed, Start, moment
from .secret import Secret

__all__ = ["VARIABLES", "Config"]

Region = Literal["kr", "sg", "id", "th"]
Format = Literal["SIMPLE", "DEFAULT", "JSON_LIST", "SIMPLE_LIST"]
Mode = Literal["auto", "embedded", "attach"]
Algorithm = Literal["HS512", "HS256"]

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
}

_KEYS = ("access_key", "secret_key")
_SECRETS = (*_KEYS, "token")
_URLS = ("proxy", "fleet")  # with a password they are secrets, too
_LEAST_TOKEN = 16  # characters
_SECRET_FORM = dict.fromkeys(_KEYS, KEY_FORM) | {
    "token": f"the token of the door, {_LEAST_TOKEN} printable characters or more"
}
_HOSTS = {"kr": "api.upbit.com", "sg": "sg-api.upbit.com", "id": "id-api.upbit.com", "th": "th-api.upbit.com"}
_EXCHANGES = frozenset(f"wss://{host}/websocket/v1" for host in _HOSTS.values())
_CHOICES = {"region": Region, "format": Format, "mode": Mode, "jwt_algorithm": Algorithm}
_SWITCHES = ("compression", "backfill", "allow_plaintext", "fleet_private")
_SWITCH = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}
_SECONDS = {
    "token_lifetime": (60, 86_400),
    "connect_timeout": (0.1, 300),
    "ping_interval": (0.05, 55),
    "ping_timeout": (0.05, 300),
    "backoff_initial": (0, 60),
    "backoff_max": (0, 3600),
    "silent_code_timeout": (0.1, 600),
    "markets_interval": (0.1, 3600),
    "gather": (0, 1),
    "backfill_max_gap": (1, 518_400),  # six days: the exchange keeps the trades of seven
    "backfill_timeout": (0.1, 300),
    "max_age": (1, 604_800),
    "fleet_retention": (1, 604_800),
}


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
        fleet_private: share private data too, encrypted, with the machines that have the same keys.
        fleet_retention: how far back the log of a machine that leads reaches.

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
    fleet_private: bool = False
    fleet_retention: float = 300.0

    def __post_init__(self) -> None:
        """Check every field; fill in the region's URL."""
        for name in _SECRETS:
            msgspec.structs.force_setattr(self, name, _hidden(getattr(self, name)))
        for name in ("proxy", "ca_file", "fleet"):
            msgspec.structs.force_setattr(self, name, getattr(self, name) or None)
        for name in _URLS:
            if isinstance(url := getattr(self, name), str) and "@" in url:
                msgspec.structs.force_setattr(self, name, Secret(url))
        if isinstance(self.runtime_dir, str):
            msgspec.structs.force_setattr(self, "runtime_dir", Path(self.runtime_dir))
        host = _HOSTS.get(self.region) if isinstance(self.region, str) else None  # else it is refused below
        if self.recording is not None:  # it is this process's own
            msgspec.structs.force_setattr(self, "mode", "embedded")
        url = self.url or f"wss://{host}/websocket/v1"
        msgspec.structs.force_setattr(self, "url", url.rstrip("/") if isinstance(url, str) else url)
        problem = _problem(msgspec.structs.asdict(self), {})
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
        problem = _problem(given, VARIABLES)
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
            return f"https://{_HOSTS[self.region]}"
        return "http" + self.url.removeprefix("ws").removesuffix("/websocket/v1")

    def check_secrecy(self) -> None:
        """Check that a token may be sent to `url`.

        Raises:
            ConfigError: if everybody in between could read it.
        """
        problem = _plaintext(self.url, {}) if not self.allow_plaintext else None
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
        if self.access_key or self.token or any(isinstance(getattr(self, name), Secret) for name in _URLS):
            raise TypeError(
                "keys do not leave their process: send config.without_keys(), or use Config.from_env() there"
            )
        return super().__reduce__()


def _shown(field: str, value: Any) -> Any:
    if field == "fleet" and isinstance(value, Secret):
        servers = parse_servers(value.reveal())
        return "set" if servers is None else servers.shown.replace("://", "://***@", 1)
    return without_password(value.reveal()) if field == "proxy" and isinstance(value, Secret) else value


def _value(field: str, text: str) -> Any:
    """Read a variable as far as that makes sense; what does not is for `_problem` to refuse."""
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
    """Return a secret as it is kept; what can be none is for `_problem` to refuse."""
    return Secret(value) if isinstance(value, str) and value else value or None


def _problem(values: Mapping[str, Any], names: Mapping[str, str]) -> str | None:
    """Say what is wrong with `values`, by the `names` their giver knows them by; `None` if nothing is."""
    for field, value in values.items():
        accepted = _accepted(field, value)
        if accepted:
            is_secret = field in _SECRETS or "@" in str(value)  # a password in the URL
            shown = "" if is_secret else f"={value!r:.80}"
            return f"{names.get(field, field)}{shown} is not accepted: give {accepted}"
    missing = [field for field in _KEYS if not values.get(field)]
    if len(missing) == 1:
        return f"{names.get(missing[0], missing[0])} is missing: keys come in pairs, set both or neither"
    if values.get("token") and values.get("url", "") in {"", *_EXCHANGES}:
        # It would be told to the exchange.
        url = names.get("url", "url")
        return (
            f"{names.get('token', 'token')} is that of a door: give {url}, where the other machine's host has its own"
        )
    is_secret = any(values.get(field) for field in _SECRETS)
    if is_secret and not values.get("allow_plaintext") and (problem := _plaintext(values.get("url", ""), names)):
        return problem
    if values.get("backoff_initial", 0) > values.get("backoff_max", 0):
        return f"backoff_initial={values['backoff_initial']!r} is not accepted: give no more than backoff_max"
    return None


def _accepted(field: str, value: object) -> str | None:
    """Say what `field` accepts if `value` is not of that kind."""
    if field in _CHOICES:
        choices = get_args(_CHOICES[field])
        return None if value in choices else f"one of {', '.join(choices)}"
    if field in _SECONDS:
        least, most = _SECONDS[field]
        if field == "max_age" and value is None:
            return None
        is_sound = isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most
        return None if is_sound else f"seconds from {least:g} to {most:g}"
    if field in _SECRETS:
        return (
            None if value is None or (isinstance(value, Secret) and _is_secret(field, value)) else _SECRET_FORM[field]
        )
    if field == "redundancy":
        return None if value in (1, 2, 3) and type(value) is int else "1, 2 or 3"
    if field in _SWITCHES:
        return None if isinstance(value, bool) else "on or off (in a program True or False)"
    if field == "recording":
        return None if isinstance(value, Replay | None) else "what Config.replay(...) makes"
    if field == "runtime_dir":
        is_folder = value is None or (isinstance(value, Path) and value.is_absolute())
        return None if is_folder else "the absolute path of a folder"
    if field == "ca_file":
        return None if value is None or isinstance(value, Path | str) else "the path of a file of certificates (PEM)"
    if field == "proxy":
        text = value.reveal() if isinstance(value, Secret) else value
        is_proxy = text in (None, DIRECT) or (isinstance(text, str) and parse_proxy(text) is not None)
        return None if is_proxy else PROXY_FORM
    if field == "fleet":
        text = value.reveal() if isinstance(value, Secret) else value
        return None if text is None or (isinstance(text, str) and parse_servers(text)) else SERVERS_FORM
    if field == "rest_url":
        is_base = value == "" or _is_url(value, "http", "https")
        return None if is_base else f"the base of REST calls, such as https://{_HOSTS['kr']}"
    return None if _is_public_url(value) else f"a public endpoint such as wss://{_HOSTS['kr']}/websocket/v1"


def _plaintext(url: str, names: Mapping[str, str]) -> str | None:
    """Say that tokens would cross a network in clear, if they would."""
    if not url.startswith("ws://") or is_loopback(urlsplit(url).hostname or ""):
        return None
    return (
        f"{names.get('url', 'url')}={url!r:.80} would carry tokens in clear: give wss://, or take the keys out; only "
        f"where nobody else is in between, set {names.get('allow_plaintext', 'allow_plaintext')}"
    )


def _is_secret(field: str, value: Secret) -> bool:
    return is_key(value.reveal()) and (field != "token" or len(value.reveal()) >= _LEAST_TOKEN)


def _is_public_url(url: object) -> bool:
    # The other endpoints are added to it.
    return _is_url(url, "ws", "wss") and not str(url).endswith(("/private", "/info"))


def _is_url(url: object, *schemes: str) -> bool:
    if not isinstance(url, str) or not url.isascii() or not url.isprintable() or any(mark in url for mark in " ?#@"):
        return False
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises if it is no number
    except ValueError:
        return False
    return url.startswith(tuple(f"{scheme}://" for scheme in schemes)) and bool(parts.hostname)
