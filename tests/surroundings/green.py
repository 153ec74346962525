"""A program under gevent or eventlet, which make one thread's turns of all threads: it says what others could do.

It waits in `get` and has a callback that waits; a counter beside it counts the turns that it gets meanwhile.
"""

import importlib
import json
import select
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    library, settings = sys.argv[1], json.loads(sys.argv[2])
    if library == "gevent":
        importlib.import_module("gevent.monkey").patch_all()
    else:
        importlib.import_module("eventlet").monkey_patch()

    import threading
    import time

    from websocket_v6 import Config, WebSocketClientProxy

    turns = 0
    is_over = threading.Event()

    def count() -> None:
        nonlocal turns
        while not is_over.wait(0.01):
            turns += 1

    counter = threading.Thread(target=count)
    counter.start()
    called: list[Any] = []

    def slow(event: Any) -> None:
        called.append(event)
        time.sleep(0.2)

    config = Config(**{**settings, "runtime_dir": Path(settings["runtime_dir"])})
    with WebSocketClientProxy("green", config=config) as proxy:
        proxy.subscribe_ticker("KRW-BTC", callback=slow)
        pulled = proxy.subscribe_trade("KRW-BTC")
        pulled.get(timeout=30)
        while not called:
            time.sleep(0.01)
        before = turns
        try:
            while True:
                pulled.get(timeout=0.5)
        except TimeoutError:
            pass
        say = {"role": proxy.health().role, "turns": turns - before, "called": len(called)}
        print(json.dumps(say), flush=True)  # noqa: T201
        select.select([sys.stdin], [], [])  # a plain read would stop all of them
    is_over.set()
    counter.join()
    print(json.dumps([one.name for one in threading.enumerate()]), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
