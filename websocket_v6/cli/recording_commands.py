"""The commands about recordings, and their arguments: make one, play it, take another program's, show it."""

import sys
from datetime import UTC, datetime
from enum import StrEnum
from gettext import gettext as _
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from websocket_v6.protocol.config import Config

from ..protocol.exchange.codes import check_codes, check_interval
from .command import DataType, config_of, ends_well, keep_log_off_screen

__all__ = ["commands"]

commands = typer.Typer()


class ExportFormat(StrEnum):
    """What a recording is written as for other programs."""

    PARQUET = "parquet"
    CSV = "csv"
    JSONL = "jsonl"


class ExportNumbers(StrEnum):
    """How Parquet has numbers: exact in both."""

    TEXT = "text"
    DECIMAL128 = "decimal128"


@commands.command(
    "record",
    help=_("Record markets into a file, compressed; `recording` shows it. Without --url that is the real exchange."),
)
def _record(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=_("A new file, such as day.wsr."))],
    codes: Annotated[list[str], typer.Argument(metavar="CODE...", help=_("Market codes, such as KRW-BTC."))],
    type_: Annotated[
        list[DataType] | None, typer.Option("--type", help=_("What to record. May be repeated. [ticker]"))
    ] = None,
    interval: Annotated[str | None, typer.Option(help=_("Of candles: 1s 1m 3m 5m 10m 15m 30m 60m 240m. [1m]"))] = None,
    rotate_mb: Annotated[
        float | None, typer.Option(min=0.01, help=_("Begin another file, with a number in its name, at so many MB."))
    ] = None,
    rotate_minutes: Annotated[
        float | None, typer.Option(min=0.01, help=_("Begin another file whenever so many minutes of UTC are over."))
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help=_("End after so long; by default at Ctrl-C."))] = None,
    url: Annotated[str | None, typer.Option(help=_("Another exchange, such as a simulator's URL."))] = None,
) -> None:
    from .record import Rotation, record, wants_of

    keep_log_off_screen()
    types = [one.value for one in type_ or [DataType.TICKER]]
    if interval is not None and DataType.CANDLE.value not in types:
        raise typer.BadParameter(_("--interval goes with --type candle"))
    with ends_well():
        wants = wants_of(types, check_codes(codes), check_interval(interval or "1m"))
        rotation = Rotation(
            None if rotate_mb is None else int(rotate_mb * 1e6), None if rotate_minutes is None else rotate_minutes * 60
        )
        record(file, wants, config_of(url), Console(), rotation, seconds)


@commands.command(
    "replay", help=_("Play a recording through the engine, and say what was delivered, with a hash to compare by.")
)
def _replay(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, help=_("What `record` wrote, or a folder of it."))
    ],
    speed: Annotated[str, typer.Option(metavar="N|max", help=_("How many times its own pace it has."))] = "max",
    from_: Annotated[datetime | None, typer.Option("--from", help=_("From then on, UTC."))] = None,
    to: Annotated[datetime | None, typer.Option("--to", help=_("Until then, UTC."))] = None,
    as_json: Annotated[bool, typer.Option("--json", help=_("One JSON object a line for each event."))] = False,
) -> None:
    from .replay import replay

    keep_log_off_screen()
    with ends_well():
        try:
            rate = "max" if speed == "max" else float(speed)
        except ValueError:
            raise typer.BadParameter(_("--speed takes a number, or max")) from None
        config = Config.replay(file, speed=rate, from_=from_, to=to, digests=True)  # type: ignore[arg-type]
        replay(config, sys.stdout if as_json else None, Console(stderr=as_json))


@commands.command("import", help=_("Make a recording of what another program recorded."))
def _import(
    source: Annotated[
        Path,
        typer.Argument(metavar="SOURCE", exists=True, dir_okay=False, help=_("JSON lines, or a file of tardis.dev.")),
    ],
    file: Annotated[Path, typer.Argument(metavar="FILE", help=_("A new file, such as day.wsr."))],
) -> None:
    from .record import show_imported

    with ends_well():
        show_imported(source, file, Console())


@commands.command("recording", help=_("Show a recording, also one that was cut off."))
def _recording(
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help=_("What `record` wrote."))],
    as_json: Annotated[bool, typer.Option("--json", help=_("What is in it, one JSON object a line."))] = False,
    from_: Annotated[datetime | None, typer.Option("--from", help=_("With --json: from then on, UTC."))] = None,
    to: Annotated[datetime | None, typer.Option("--to", help=_("With --json: until then, UTC."))] = None,
    export: Annotated[
        ExportFormat | None, typer.Option(help=_("Write it for other programs, a file for each data type."))
    ] = None,
    out: Annotated[
        Path | None, typer.Option(file_okay=False, help=_("With --export: the folder of these files."))
    ] = None,
    numbers: Annotated[ExportNumbers, typer.Option(help=_("With --export parquet."))] = ExportNumbers.TEXT,
) -> None:
    from .record import Span, show, show_exported, show_json

    if not (as_json or export) and (from_ is not None or to is not None):
        raise typer.BadParameter(_("--from and --to go with --json and --export"))
    if (export is None) != (out is None) or (export and as_json):
        raise typer.BadParameter(_("--export and --out go together, and not with --json"))
    with ends_well():
        span = Span(_nanoseconds(from_), _nanoseconds(to))
        if export is not None and out is not None:
            show_exported(file, out, export.value, numbers.value, span, Console())
        elif as_json:
            show_json(file, span, sys.stdout)
        else:
            show(file, Console())


def _nanoseconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.replace(tzinfo=UTC).timestamp()) * 10**9
