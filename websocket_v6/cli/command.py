"""What commands have in common: an argument, their configuration, and how each ends.

Exit codes: 0 done, or told to end by SIGTERM; 1 it could not be done, 2 wrong arguments, 130 ended by Ctrl-C.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

import msgspec
import typer

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import ConfigError, LocalProtocolError, WebSocketV6Error
from websocket_v6.termination import Terminated

__all__ = ["DataType", "config_of", "ends_well", "keep_log_off_screen"]

INTERRUPTED = 130


class DataType(StrEnum):
    """The public data types."""

    TICKER = "ticker"
    TRADE = "trade"
    ORDERBOOK = "orderbook"
    CANDLE = "candle"


def keep_log_off_screen() -> None:
    """Say nothing through the log that Python would write by itself: the command shows all of it in its own words."""
    logging.getLogger("websocket_v6").addHandler(logging.NullHandler())


def config_of(url: str | None) -> Config:
    """Return what the environment says, but for the exchange, if `url` names another."""
    config = Config.from_env()
    return config if url is None else msgspec.structs.replace(config, url=url)


@contextmanager
def ends_well() -> Iterator[None]:
    """Turn what ends a command early into a line and an exit code."""
    try:
        yield
    except Terminated:
        raise typer.Exit from None
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        # Whoever read the output has left; nothing more can be written, not even at the interpreter's end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
    except (WebSocketV6Error, OSError, ValueError) as error:
        typer.echo(f"websocket-v6: {error}", err=True)
        raise typer.Exit(2 if isinstance(error, LocalProtocolError | ConfigError) else 1) from None
