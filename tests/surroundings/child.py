"""A program as users write them, in surroundings that lack something; it says how it fares, as lines of JSON.

First, served or not, what it stands at; then, once its input has ended and it has cleaned up, what is left. `before` is
done before anything of the package is imported: it takes away what these surroundings have not.
"""

import json
import logging
import sys
import threading
from pathlib import Path
from typing import Any


class Heard(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.levelname} {self.format(record)}")


def main() -> None:
    settings: dict[str, Any] = json.loads(sys.argv[1])
    exec(settings.pop("before"), {})  # noqa: S102 - a test's
    heard = Heard()
    logging.getLogger().addHandler(heard)

    from websocket_v6 import Config, WebSocketClientProxy, WebSocketV6Error

    timeout, after = settings.pop("timeout"), settings.pop("after")
    if settings.get("runtime_dir"):
        settings["runtime_dir"] = Path(settings["runtime_dir"])
    exec(after, {})  # noqa: S102 - likewise, once everything is imported
    say: dict[str, Any] = {"error": "", "role": "", "event": None}
    proxy = None
    try:
        proxy = WebSocketClientProxy("component", config=Config(**settings))
        say["event"] = proxy.subscribe_ticker("KRW-BTC").get(timeout=timeout).symbol
        say["role"] = proxy.health().role
    except (WebSocketV6Error, TimeoutError) as exc:
        say["error"] = f"{type(exc).__name__}: {exc}"
    print(json.dumps({**say, "log": heard.lines, **measured()}), flush=True)  # noqa: T201
    sys.stdin.read()
    if proxy is not None:
        say["role"] = proxy.health().role if say["event"] else ""
        proxy.cleanup()
    threads = [one.name for one in threading.enumerate() if one is not threading.main_thread()]
    print(json.dumps({**say, "log": heard.lines, "left": threads}), flush=True)  # noqa: T201


def measured() -> dict[str, int]:
    """Return what this process takes of memory (bytes), threads and descriptors, where Linux says it."""
    status = Path("/proc/self/status")
    if not status.exists():
        return {}
    values = dict(line.split(":", 1) for line in status.read_text(encoding="ascii").splitlines())
    return {
        "rss": int(values["VmHWM"].split()[0]) * 1024,
        "threads": int(values["Threads"]),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
    }


if __name__ == "__main__":
    main()
