"""What a configuration may say: which values of each field make sense, alone and beside the others.

Source: Upbit WebSocket reference, "Endpoints", "Regions", "Keep-alive" (the exchange drops a connection that is silent
for 60 s) and "Authentication".
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from .dialing.proxies import DIRECT, PROXY_FORM, parse_proxy
from .dialing.servers import SERVERS_FORM, parse_servers
from .exchange.tokens import KEY_FORM, is_key
from .loopback import is_loopback
from .replaying import Replay
from .secret import Secret

__all__ = [
    "HOSTS",
    "SECRETS",
    "URLS",
    "Algorithm",
    "Format",
    "Mode",
    "Region",
    "plaintext_problem",
    "problem_of",
]

Region = Literal["kr", "sg", "id", "th"]
Format = Literal["SIMPLE", "DEFAULT", "JSON_LIST", "SIMPLE_LIST"]
Mode = Literal["auto", "embedded", "attach"]
Algorithm = Literal["HS512", "HS256"]

KEYS = ("access_key", "secret_key")
SECRETS = (*KEYS, "token")
URLS = ("proxy", "fleet", "fleet_read")  # with a password they are secrets, too
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"  # it is part of a key
_LEAST_TOKEN = 16  # characters
_SECRET_FORM = dict.fromkeys(KEYS, KEY_FORM) | {
    "token": f"the token of the door, {_LEAST_TOKEN} printable characters or more"
}
HOSTS = {"kr": "api.upbit.com", "sg": "sg-api.upbit.com", "id": "id-api.upbit.com", "th": "th-api.upbit.com"}
_EXCHANGES = frozenset(f"wss://{host}/websocket/v1" for host in HOSTS.values())
_CHOICES = {"region": Region, "format": Format, "mode": Mode, "jwt_algorithm": Algorithm}
_SWITCHES = ("compression", "backfill", "allow_plaintext", "fleet_compression", "fleet_private")
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
    "fleet_delay": (0, 1),
    "fleet_retention": (1, 604_800),
}


def problem_of(values: Mapping[str, Any], names: Mapping[str, str]) -> str | None:
    """Say what is wrong with `values`, by the `names` their giver knows them by; `None` if nothing is."""
    for field, value in values.items():
        accepted = _accepted(field, value)
        if accepted:
            is_secret = field in SECRETS or "@" in str(value)  # a password in the URL
            shown = "" if is_secret else f"={value!r:.80}"
            return f"{names.get(field, field)}{shown} is not accepted: give {accepted}"
    missing = [field for field in KEYS if not values.get(field)]
    if len(missing) == 1:
        return f"{names.get(missing[0], missing[0])} is missing: keys come in pairs, set both or neither"
    if values.get("token") and values.get("url", "") in {"", *_EXCHANGES}:
        # It would be told to the exchange.
        url = names.get("url", "url")
        return (
            f"{names.get('token', 'token')} is that of a door: give {url}, where the other machine's host has its own"
        )
    is_secret = any(values.get(field) for field in SECRETS)
    if is_secret and not values.get("allow_plaintext") and (problem := plaintext_problem(values.get("url", ""), names)):
        return problem
    if values.get("fleet_resume") and not values.get("fleet"):
        name, fleet = names.get("fleet_resume", "fleet_resume"), names.get("fleet", "fleet")
        return f"{name} is a name within a fleet: give {fleet}, too"
    if values.get("fleet_resume") and values.get("fleet_read"):
        return "fleet_read is not accepted with fleet_resume: who resumes keeps its place where it reads, at the server"
    if values.get("fleet_resume") and values.get("mode") == "attach":
        return "mode='attach' is not accepted with fleet_resume: who resumes reads the fleet's log himself"
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
    if field in SECRETS:
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
    if field == "fleet_read":
        text = value.reveal() if isinstance(value, Secret) else value
        found = parse_servers(text) if isinstance(text, str) else None
        is_one = found is not None and found.kind in ("single", "unix")
        return (
            None if text in (None, "replica") or is_one else '"replica", or the URL of one such as valkey://host:6379/0'
        )
    if field == "fleet_resume":
        return (
            None
            if value is None or (isinstance(value, str) and re.fullmatch(_NAME, value))
            else "a name of letters, digits, '.', '_' and '-', 64 at most"
        )
    if field == "rest_url":
        is_base = value == "" or _is_url(value, "http", "https")
        return None if is_base else f"the base of REST calls, such as https://{HOSTS['kr']}"
    return None if _is_public_url(value) else f"a public endpoint such as wss://{HOSTS['kr']}/websocket/v1"


def plaintext_problem(url: str, names: Mapping[str, str]) -> str | None:
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
