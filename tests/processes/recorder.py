"""A process with a resume name that writes each trade to a file before it is done with it. Ends with its input."""

import json
import os
import sys
import time

from websocket_v6 import Config, Mailbox, WebSocketClientProxy


def main() -> None:
    settings = json.loads(sys.argv[1])
    file = os.open(settings.pop("file"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def note(event: object) -> None:
        os.write(file, f"{event.sequential_id} {int(event.repeated)} {time.time_ns()}\n".encode())  # type: ignore[attr-defined]

    def told(event: object) -> None:
        if event.endpoint == "public" and event.gap_started_at:  # type: ignore[attr-defined]
            os.write(file, f"gap {event.state}:{event.reason.replace(' ', '_')}\n".encode())  # type: ignore[attr-defined]

    with WebSocketClientProxy("recorder", config=Config(**settings)) as proxy:
        proxy.on_connection(told)
        proxy.subscribe_trade(["KRW-BTC"], note, mailbox=Mailbox.lossless(1 << 26))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
