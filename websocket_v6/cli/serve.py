"""`serve`: a host that other processes of the user share, and that has no component of its own.

With a port also other programs, in any language, and whoever looks at its page.
"""

import json
import os
import queue
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from gettext import gettext as _
from typing import Any, NamedTuple, TextIO

from rich.console import Console
from rich.text import Text

from websocket_v6 import engine
from websocket_v6.health import Health
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import EngineError
from websocket_v6.protocol.server.network import WILDCARDS, Network, web_url
from websocket_v6.proxy import WebSocketClientProxy
from websocket_v6.state import host_state
from websocket_v6.termination import Signals

from ..actors.membership.place import Role
from ..actors.messages.supervisor import ShowState
from .board import Meter
from .quote import count_text
from .readiness import unready
from .screen import PERIOD, Screen

__all__ = ["serve", "serve_json"]

STATE_PERIOD = 1.0  # seconds between two states of the page, and between two lines of JSON


def serve(config: Config, console: Console, seconds: float | None, network: Network | None = None) -> None:
    """Serve until Ctrl-C, or for `seconds`.

    Raises:
        ConfigError: if the processes cannot meet, or the network not be served so.
        OSError: if the network cannot be listened to.
        EngineError: if there is such a host already.
    """
    with _serving(config, network) as host:
        for line in _introduction(host):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        meter = Meter()
        with Screen(console) as screen:
            for health in host.looks(seconds, PERIOD):
                text = _state(health, meter)
                screen.show(partial(Text, text), partial(_lines, text))


def serve_json(config: Config, out: TextIO, seconds: float | None, network: Network | None = None) -> None:
    """Serve, and write what there is to know as one JSON object a second."""
    with _serving(config, network) as host:
        for health in host.looks(seconds, STATE_PERIOD):
            out.write(json.dumps({**_plain(health), **host.doors}) + "\n")
            out.flush()


class _Host(NamedTuple):
    """This process, as it serves."""

    config: Config
    network: Network | None
    service: engine.Service
    proxy: WebSocketClientProxy
    signals: Signals

    @property
    def doors(self) -> dict[str, str]:
        """Where programs connect, and where the page is."""
        network, address = self.network, self.service.address
        if network is None or not address:
            return {}
        s = "s" if network.tls_cert is not None else ""
        return {
            "door": web_url(f"ws{s}", address, network.names, "/websocket/v1"),
            "page": web_url(f"http{s}", address, network.names, "/"),
        }

    def looks(self, seconds: float | None, period: float) -> Iterator[Health]:
        """Yield how it does now and then, and have the page show it, until the time is over."""
        end = None if seconds is None else time.monotonic() + seconds
        never: queue.SimpleQueue[None] = queue.SimpleQueue()
        began, meter, due = time.time(), Meter(), 0.0
        measure = _measuring(began)
        while end is None or time.monotonic() < end:
            self.signals.look()
            health = self.proxy.health()
            now = time.monotonic()
            if self.service.address and now >= due:
                due = now + STATE_PERIOD - period / 2
                rate = meter.rate(now, health.counters.received)
                components, counts = self.service.components(), self.service.stream_counts()
                state = host_state(health, self.config.url, rate, began, components, counts)
                self.service.show(ShowState(state, measure(health), "\n".join(unready(health))))
            yield health
            try:
                never.get(timeout=period)
            except queue.Empty:
                continue
        self.signals.end()


def _measuring(began: float) -> Callable[[Health], bytes | None]:
    """Return what makes metrics of a state; nothing comes of it without the extra `metrics`."""
    try:
        from .metrics import Metrics
    except ImportError:
        return lambda _: None
    return Metrics(began).text


@contextmanager
def _serving(config: Config, network: Network | None) -> Iterator[_Host]:
    with (
        Signals() as signals,
        engine.serve(config, network) as service,
        WebSocketClientProxy(engine.SERVICE, config=config) as proxy,
    ):
        _check(service.role, config, network)
        yield _Host(config, network, service, proxy, signals)


def _check(role: Role, config: Config, network: Network | None) -> None:
    if role is Role.GUEST:
        raise EngineError(
            _("another `websocket-v6 serve` is the host of {url} already: end that one first").format(url=config.url)
        )
    if role is not Role.HOST and network is None:
        raise EngineError(_("nobody can be served: the processes of this user have no folder to meet in (see above)"))


def _introduction(host: _Host) -> Iterator[str]:
    network = host.network
    if host.service.role is Role.HOST:
        yield _("Process {pid} is the host of all programs of this user that use {url}").format(
            pid=os.getpid(), url=host.config.url
        )
        yield _("They find it by themselves, whether they started before or after it.")
    else:
        yield _("Process {pid} serves {url} to the network, and shares with no other process").format(
            pid=os.getpid(), url=host.config.url
        )
    doors = host.doors
    if network is not None and doors:
        yield _("Other programs connect to:  {url}").format(url=doors["door"])
        yield _("What it does is shown at:   {url}").format(url=doors["page"])
        if network.token_file is not None:
            yield _(
                "Either takes the token in {token_file}: as `Authorization: Bearer ...`, or as `?token=...`"
            ).format(token_file=network.token_file)
        if network.bind in WILDCARDS and not network.names:
            yield _(
                "ADDRESS is any of this machine's. For a name of it, give that with --host: others are turned away."
            )
    yield _("Ctrl-C ends it.")


def _lines(text: str) -> list[str]:
    return [f"{time.strftime('%H:%M:%S')} {text}"]


def _state(health: Health, meter: Meter) -> str:
    received = health.counters.received
    open_ = [one.endpoint for one in health.connections if one.state == "open"]
    waiting = [
        f"{one.endpoint} {one.error or one.state}" for one in health.connections if one.state not in ("open", "idle")
    ]
    served = [count_text(health.guests, _("process"), _("processes"))] if health.role != Role.EMBEDDED.value else []
    programs = sum(not one.is_onlooker for one in health.visitors)
    if programs or not served:
        served.append(count_text(programs, _("program"), _("programs")))
    return ", ".join(
        (
            _("{who} served").format(who=_(" and ").join(served)),
            _("{streams} wanted").format(streams=count_text(health.streams, _("stream"), _("streams"))),
            _("open: {endpoints}").format(endpoints=" ".join(open_) or _("nothing")),
            _("{received} received, {rate:,.0f}/s").format(
                received=count_text(received, _("message"), _("messages")),
                rate=meter.rate(time.monotonic(), received),
            ),
            *waiting,
        )
    )


def _plain(health: Health) -> dict[str, Any]:
    return {
        "role": health.role,
        "guests": health.guests,
        "streams": health.streams,
        "connections": [one._asdict() for one in health.connections],
        "counters": health.counters._asdict(),
    }
