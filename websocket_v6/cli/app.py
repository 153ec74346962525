"""The commands and their arguments. Each ends with a line that says why and an exit code, never a traceback."""

import sys
from contextlib import ExitStack
from enum import StrEnum
from gettext import gettext as _
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from websocket_v6._version import __version__
from websocket_v6.protocol.config import Config

from ..protocol.exchange.codes import check_codes, check_depth, check_interval
from . import recording_commands
from .command import DataType, config_of, ends_well, keep_log_off_screen
from .language import speak

# Each command imports its own module: half a second of a simulator is nothing that `watch` should wait for.

__all__ = ["app"]

LOOPBACK = "127.0.0.1"

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help=_("Upbit's WebSocket feeds for synchronous programs: one connection, many components."),
)
app.add_typer(recording_commands.commands)


class WeatherName(StrEnum):
    """How late, bunched and out of order a simulated exchange is."""

    CALM = "calm"
    USUAL = "usual"
    STORM = "storm"


class Language(StrEnum):
    """The languages of the command line."""

    EN = "en"
    KO = "ko"


@app.callback(invoke_without_command=True)
def _main(
    version: Annotated[bool, typer.Option("--version", help=_("Print the version and end."))] = False,
    lang: Annotated[  # read before this is: texts are made at import
        Language | None, typer.Option(help=_("Of what is shown. [that of the locale, if it is one of these; else en]"))
    ] = None,
) -> None:
    if lang is not None:
        speak(lang.value)
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command("watch", help=_("Watch markets live. Without --url and WEBSOCKET_V6_URL that is the real exchange."))
def _watch(
    codes: Annotated[list[str], typer.Argument(metavar="CODE...", help=_("Market codes, such as KRW-BTC."))],
    type_: Annotated[DataType, typer.Option("--type", help=_("What to watch."))] = DataType.TICKER,
    interval: Annotated[str | None, typer.Option(help=_("Of candles: 1s 1m 3m 5m 10m 15m 30m 60m 240m. [1m]"))] = None,
    depth: Annotated[int | None, typer.Option(help=_("Levels of order books: 1 5 15 30. [30]"))] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help=_("End after so long; by default at Ctrl-C."))] = None,
    as_json: Annotated[bool, typer.Option("--json", help=_("One JSON object a line for each event."))] = False,
    url: Annotated[str | None, typer.Option(help=_("Another exchange, such as a simulator's URL."))] = None,
) -> None:
    from .watch import Wanted, watch, watch_json

    keep_log_off_screen()
    if interval is not None and type_ is not DataType.CANDLE:
        raise typer.BadParameter(_("--interval goes with --type candle"))
    if depth is not None and type_ is not DataType.ORDERBOOK:
        raise typer.BadParameter(_("--depth goes with --type orderbook"))
    with ends_well():
        config = config_of(url)
        wanted = Wanted(
            type_.value,
            check_codes(codes),
            check_interval(interval or "1m"),
            check_depth(30 if depth is None else depth),
        )
        if as_json:
            watch_json(wanted, config, sys.stdout, Console(stderr=True), seconds)
        else:
            watch(wanted, config, Console(), seconds)


@app.command("serve", help=_("Be the host that this user's other programs share, for as long as this runs."))
def _serve(
    seconds: Annotated[float | None, typer.Option(min=0.1, help=_("End after so long; by default at Ctrl-C."))] = None,
    as_json: Annotated[bool, typer.Option("--json", help=_("What it does, as one JSON object a second."))] = False,
    url: Annotated[str | None, typer.Option(help=_("Another exchange, such as a simulator's URL."))] = None,
    port: Annotated[
        int | None, typer.Option(help=_("Serve programs in any language there, and a page; 0 is any free port."))
    ] = None,
    bind: Annotated[
        str, typer.Option(metavar="ADDRESS", help=_("Where to listen. Beyond this machine it takes TLS and a token."))
    ] = LOOPBACK,
    tls_cert: Annotated[Path | None, typer.Option(help=_("The certificate and those above it (PEM)."))] = None,
    tls_key: Annotated[Path | None, typer.Option(help=_("Its key (PEM)."))] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(help=_("Who connects must show what this file holds, a line of 32 characters or more.")),
    ] = None,
    allow_origin: Annotated[
        list[str] | None, typer.Option(metavar="URL", help=_("Web pages of this origin may connect. May be repeated."))
    ] = None,
    host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help=_("A name that leads here. May be repeated."))
    ] = None,
) -> None:
    from ..protocol.server.network import Network
    from .serve import serve, serve_json

    if port is None and (bind != LOOPBACK or tls_cert or tls_key or token_file or allow_origin or host):
        raise typer.BadParameter(
            _("--bind, --tls-cert, --tls-key, --token-file, --allow-origin and --host take a --port")
        )
    network = None
    if port is not None:
        network = Network(port, bind, tls_cert, tls_key, token_file, tuple(allow_origin or ()), tuple(host or ()))
    with ends_well():
        config = config_of(url)
        if as_json:
            serve_json(config, sys.stdout, seconds, network)
        else:
            serve(config, Console(), seconds, network)


@app.command("top", help=_("See what the host of this user's programs is doing, live; with PAGE a host with a port."))
def _top(
    page: Annotated[
        str | None,
        typer.Argument(metavar="[PAGE]", help=_("The page of a host with a port, such as http://host:8080.")),
    ] = None,
    token_file: Annotated[Path | None, typer.Option(help=_("What the host was given as --token-file."))] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help=_("End after so long; by default at q or Ctrl-C."))
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=_("One JSON object a second."))] = False,
    url: Annotated[str | None, typer.Option(help=_("Another exchange, such as a simulator's URL."))] = None,
) -> None:
    from .host_door import HostDoor
    from .top import HostPage, top, top_json

    if page is None and token_file is not None:
        raise typer.BadParameter(_("--token-file goes with a PAGE"))
    if page is not None and url is not None:
        raise typer.BadParameter(_("give a PAGE or --url, not both"))
    with ends_well(), ExitStack() as stack:
        host: HostDoor | HostPage
        if page is None:
            host = stack.enter_context(HostDoor(config_of(url)))
        else:
            host = HostPage(page, Config.from_env(), token_file)
        if as_json:
            top_json(host, sys.stdout, seconds)
        else:
            top(host, Console(), seconds)


@app.command(
    "fleet", help=_("See the machines that share one upstream: who leads, how far behind each is, what the log holds.")
)
def _fleet(
    server: Annotated[
        str | None, typer.Option("--fleet", metavar="URL", help=_("Its server. [WEBSOCKET_V6_FLEET]"))
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=_("One JSON object a line for each fleet."))] = False,
    url: Annotated[str | None, typer.Option(help=_("Another exchange, such as a simulator's URL."))] = None,
) -> None:
    from .fleet import fleet, fleet_json

    with ends_well():
        config = config_of(url)
        if server is not None:
            config = msgspec.structs.replace(config, fleet=server)
        if as_json:
            fleet_json(config, sys.stdout)
        else:
            fleet(config, Console())


@app.command(
    "doctor", help=_("Check versions, network, clock, keys, permissions and host; exit status 1 if anything fails.")
)
def _doctor(
    as_json: Annotated[bool, typer.Option("--json", help=_("What it finds, as one JSON object."))] = False,
    url: Annotated[str | None, typer.Option(help=_("Another exchange, such as a simulator's URL."))] = None,
) -> None:
    from .doctor import doctor, doctor_json

    with ends_well():
        config = config_of(url)
        is_well = doctor_json(config, sys.stdout) if as_json else doctor(config, Console())
    raise typer.Exit(0 if is_well else 1)


@app.command("simulate", help=_("Run a local exchange until Ctrl-C, to try programs on."))
def _simulate(
    codes: Annotated[
        list[str] | None, typer.Argument(metavar="[CODE...]", help=_("The markets; by default 20."))
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help=_("Where to listen; 0 is any free port."))] = 0,
    markets: Annotated[int | None, typer.Option(min=1, max=1000, help=_("How many markets, instead of codes."))] = None,
    traffic: Annotated[float | None, typer.Option(min=0, help=_("Messages a second. [100, 0 with --capture]"))] = None,
    capture: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help=_("Play this recording, or capture (JSON lines)."))
    ] = None,
    speed: Annotated[float, typer.Option(min=0.001, help=_("How many times its own pace the recording has."))] = 1.0,
    seed: Annotated[int, typer.Option(help=_("The same seed makes the same markets."))] = 0,
    weather: Annotated[
        WeatherName | None, typer.Option(help=_("How late and bunched messages come. [usual; calm without traffic]"))
    ] = None,
    scenario: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help=_("Begin with this, such as 'flash crash'. May be repeated.")),
    ] = None,
    control: Annotated[
        int | None, typer.Option(min=0, max=65535, help=_("Take calls as HTTP with JSON there, from this machine."))
    ] = None,
) -> None:
    from .simulate import Exchange, simulate

    if codes and markets is not None:
        raise typer.BadParameter(_("give codes or --markets, not both"))
    with ends_well():
        chosen = check_codes(codes) if codes else markets
        name = None if weather is None else weather.value
        exchange = Exchange(chosen, port, traffic, capture, speed, seed, name, tuple(scenario or ()), control)
        simulate(exchange, Console())


@app.command(
    "probe", help=_("Ask an exchange what its documents leave open; the report makes a simulator answer alike.")
)
def _probe(
    out: Annotated[Path, typer.Option(dir_okay=False, help=_("Where the report goes."))] = Path("answers.json"),
    url: Annotated[str | None, typer.Option(help=_("Another exchange, such as a simulator's URL."))] = None,
    code: Annotated[str, typer.Option(help=_("A market with trades every second."))] = "KRW-BTC",
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help=_("This question alone. May be repeated."))
    ] = None,
    slow: Annotated[bool, typer.Option("--slow", help=_("Ask what takes minutes, too."))] = False,
    pause: Annotated[float, typer.Option(min=0, help=_("Seconds before each handshake and request."))] = 0.5,
    yes: Annotated[bool, typer.Option("--yes", help=_("Ask the exchange without asking me first."))] = False,
) -> None:
    from .probe import run_probe

    with ends_well():
        target = config_of(url).url
        if not yes:
            typer.confirm(
                _("Ask {target} some dozens of harmless questions, within its limits?").format(target=target),
                abort=True,
            )
        run_probe(target, out, Console(), code=code, pause=pause, slow=slow, only=only or ())


@app.command("demo", help=_("See two components share one connection, and what a plain client would have lost."))
def _demo(
    seconds: Annotated[float, typer.Option(min=1, max=3600, help=_("How long the traffic lasts."))] = 15.0,
    capture: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help=_("Play this recording, or capture (JSON lines)."))
    ] = None,
) -> None:
    keep_log_off_screen()
    from .demo import demo

    with ends_well():
        is_sound = demo(Console(), seconds, capture)
    raise typer.Exit(0 if is_sound else 1)
