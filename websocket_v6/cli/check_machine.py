"""What `doctor` sees without the network: versions, the runtime folder, who the host is, whether its door answers."""

import platform
from collections.abc import Iterator
from gettext import gettext as _
from importlib import metadata
from pathlib import Path

import websocket

from websocket_v6._version import __version__
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.door import MEMBER_PATH, Door, DoorError, DoorProblem
from websocket_v6.protocol.errors import ConfigError
from websocket_v6.protocol.fast import IMPLEMENTATION
from websocket_v6.protocol.outside_text import printable

from ..actors.connection.door_handshake import open_door
from ..actors.membership.rendezvous import HostEntry, Rendezvous, default_folder, host_elsewhere
from .finding import Finding, failed, ok, skipped, warning

__all__ = ["check_config", "check_host", "check_versions"]

_NEEDED = ("pykka", "websocket-client", "msgpack", "msgspec", "PyJWT")
_EXTRAS = ("rich", "python-socks", "prometheus-client")
_PATH_CHARACTERS = 200
DOOR_TIMEOUT = 2.0  # seconds for a host to answer, as members have it


def check_versions() -> Finding:
    """Look at what is installed."""
    found = {name: _version_of(name) for name in (*_NEEDED, *_EXTRAS)}
    missing = [name for name in _NEEDED if found[name] is None]
    there = ", ".join(f"{name} {version}" for name, version in found.items() if version is not None)
    engine = f"websocket-v6 {__version__} (its hot path in {IMPLEMENTATION})"
    text = f"{engine}, Python {platform.python_version()}, {platform.system()}; {there}"
    if missing:
        return failed(
            "versions",
            _("{text}; missing: {missing}").format(text=text, missing=", ".join(missing)),
            f"pip install {' '.join(missing)}",
        )
    return ok("versions", text)


def _version_of(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def check_config(config: Config) -> Finding:
    """Say what is configured; of secrets, whether they are there."""
    keys = _("keys are set") if config.access_key else _("no keys (UPBIT_ACCESS_KEY, UPBIT_SECRET_KEY)")
    token = _(", a door's token is set") if config.token else ""
    return ok(
        "configuration",
        _("{url}, region {region}, mode {mode}, {keys}{token}").format(
            url=config.url, region=config.region, mode=config.mode, keys=keys, token=token
        ),
    )


def check_host(config: Config) -> Iterator[Finding]:
    """Look at the folder that processes of this user meet in, and at who is the host there."""
    if config.mode == "embedded":
        yield skipped("runtime folder", _("mode embedded: this process shares nothing with others"))
        return
    try:
        folder = Path(config.runtime_dir) if config.runtime_dir else default_folder()
        rendezvous = Rendezvous(folder, config.url)
        rendezvous.new_address()  # which may be too long
    except ConfigError as error:
        yield failed("runtime folder", str(error), _("set WEBSOCKET_V6_RUNTIME_DIR to a folder of your own (mode 700)"))
        return
    yield ok(
        "runtime folder", _("{folder} is this user's alone").format(folder=printable(str(folder), _PATH_CHARACTERS))
    )
    entry = rendezvous.find_host()
    elsewhere = host_elsewhere(folder, config.url)
    if entry is None:
        if elsewhere:
            yield warning("host", elsewhere, _("set WEBSOCKET_V6_RUNTIME_DIR to the same folder for all programs"))
        elif config.mode == "attach":
            yield failed("host", _("there is none, and mode attach needs one"), _("start one: websocket-v6 serve"))
        else:
            yield ok("host", _("there is none; the next program becomes it"))
        return
    yield ok("host", _("process {pid} is the host of {url}").format(pid=entry.pid, url=config.url))
    yield _door(entry, config.mode)


def _door(entry: HostEntry, mode: str) -> Finding:
    """Come to the host's door as a program would, with its key, and go again: who answers is the host, and is awake."""
    socket = websocket.WebSocket()
    try:
        open_door(socket, Door(entry.address, entry.key, entry.term, pid=entry.pid), MEMBER_PATH, timeout=DOOR_TIMEOUT)
    except DoorError as error:
        if error.problem is DoorProblem.GONE:
            todo = (
                _("start a host: websocket-v6 serve")
                if mode == "attach"
                else _("nothing: the next program takes its place")
            )
        else:
            todo = _("look at process {pid} and its log; until then programs have connections of their own").format(
                pid=entry.pid
            )
        is_needed = mode == "attach" or error.problem is not DoorProblem.GONE
        return (failed if is_needed else warning)("door", str(error), todo)
    finally:
        socket.shutdown()  # type: ignore[no-untyped-call]
    return ok("door", _("the host answers at {address}").format(address=printable(entry.address, _PATH_CHARACTERS)))
