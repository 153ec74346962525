"""A process with components of its own, driven by lines of JSON on its input; what it saw it says on its output.

    {"do": "subscribe", "id": "a", "type": "trade", "codes": ["KRW-BTC"]}      -> {"ok": "a"}
    {"do": "report"}        -> {"events": {"a": [...]}, "connections": [...], "role": "guest", ...}

One proxy for each `component` named in a command, made when it is first named.
"""

import importlib
import json
import logging
import multiprocessing
import os
import sys
import threading
from pathlib import Path
from typing import Any

from websocket_v6 import Config, ConnectionEvent, Mailbox, OverflowEvent, Subscription, WebSocketClientProxy

KEEP_ALL = Mailbox.lossless(1 << 28)


class Child:
    """The components of this process and what they saw."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.proxies: dict[str, WebSocketClientProxy] = {}
        self.subscriptions: dict[str, Subscription[Any]] = {}
        self.events: dict[str, list[list[Any]]] = {}
        self.connections: dict[str, list[dict[str, Any]]] = {}
        self.errors: dict[str, list[str]] = {}
        self.gates: dict[str, threading.Event] = {}

    def proxy(self, name: str) -> WebSocketClientProxy:
        if name not in self.proxies:
            proxy = self.proxies[name] = WebSocketClientProxy(name, config=self.config)
            told = self.connections[name] = []
            proxy.on_connection(lambda event: told.append(_connection(event)))
        return self.proxies[name]

    def subscribe(
        self,
        id: str,  # noqa: A002
        type: str,  # noqa: A002
        codes: Any = (),
        component: str = "main",
        block: int = 0,
        **options: Any,
    ) -> str:
        """Subscribe, with a mailbox that makes its source wait at `block` events, or one that takes all."""
        events = self.events[id] = []
        errors = self.errors[id] = []
        gate = self.gates[id] = threading.Event()
        gate.set()

        def note(event: Any) -> None:
            gate.wait()
            events.append(_event(event))

        subscribe = getattr(self.proxy(component), f"subscribe_{type}")
        arguments = (codes,) if codes else ()
        self.subscriptions[id] = subscribe(
            *arguments,
            callback=note,
            mailbox=Mailbox.block(block) if block else KEEP_ALL,
            error_handler=lambda error: errors.append(f"{error.__class__.__name__}: {error}"),
            **options,
        )
        return id

    def hold(self, id: str) -> str:  # noqa: A002
        """Have the callback of a subscription wait from its next event on."""
        self.gates[id].clear()
        return id

    def go_on(self, id: str) -> str:  # noqa: A002
        self.gates[id].set()
        return id

    def close(self, id: str) -> str:  # noqa: A002
        self.subscriptions.pop(id).close()
        return id

    def cleanup(self, component: str) -> str:
        self.proxies.pop(component).cleanup()
        return component

    def keys(self, access_key: str, secret_key: str, component: str = "main") -> str:
        self.proxy(component).set_keys(access_key, secret_key)
        return component

    def served(self, endpoint: str = "public", component: str = "main") -> list[str]:
        entries = self.proxy(component).list_subscriptions(endpoint).subscriptions
        return sorted(f"{one.type} {code}" for one in entries for code in one.codes or ("*",))

    def snapshot(self, codes: list[str], component: str = "main") -> list[str]:
        return [one.symbol for one in self.proxy(component).get_ticker_snapshot(codes)]

    def health(self, component: str = "main") -> dict[str, Any]:
        health = self.proxy(component).health()
        return {
            "role": health.role,
            "guests": health.guests,
            "open": [one.endpoint for one in health.connections if one.state == "open"],
            "serving": [one.endpoint for one in health.connections if one.serves],
            "text": str(health),
            "threads": threading.active_count(),
        }

    def report(self) -> dict[str, Any]:
        return {"events": self.events, "connections": self.connections, "errors": self.errors, "pid": os.getpid()}

    def count(self) -> dict[str, int]:
        return {name: len(events) for name, events in self.events.items()}

    def start(self, method: str) -> int | None:
        """Take a snapshot in a child started by `method` of multiprocessing, and return its exit code."""
        context: Any = multiprocessing.get_context(method)
        child = context.Process(target=take_snapshot, args=(self.config.without_keys(),))
        child.start()
        child.join(30)
        code: int | None = child.exitcode
        return code

    def leave_child(self) -> int:
        """Fork a child that uses nothing and lives on; return its process number."""
        pid = os.fork()
        if pid == 0:
            os.close(0)
            os.close(1)
            threading.Event().wait(60)
            os._exit(0)
        return pid

    def fork(self) -> int:
        """Take a snapshot in a forked child and return its exit code."""
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                with WebSocketClientProxy("forked", config=self.config) as proxy:
                    code = 0 if proxy.get_ticker_snapshot("KRW-ETH") else 2
            finally:
                os._exit(code)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def take_snapshot(config: Config) -> None:
    """Take a snapshot, as the target of a process."""
    with WebSocketClientProxy("child", config=config) as proxy:
        if proxy.get_ticker_snapshot("KRW-ETH")[0].symbol != "KRW-ETH" or proxy.health().role != "guest":
            raise SystemExit(3)


def _event(event: Any) -> list[Any]:
    if isinstance(event, OverflowEvent):
        return ["overflow", event.dropped, "", 0, 0, ""]
    identity = event.sequential_id if event.type == "trade" else event._payload.decode()
    return [event.type, event.symbol, event.stream_type, event.epoch, event.received_at, identity]


def _connection(event: ConnectionEvent) -> dict[str, Any]:
    return {
        "endpoint": event.endpoint,
        "state": event.state,
        "epoch": event.epoch,
        "at": event.received_at,
        "gap": event.gap,
        "started": event.gap_started_at,
        "ended": event.gap_ended_at,
        "reason": event.reason,
    }


def main() -> None:
    settings = json.loads(sys.argv[1])
    for name, value in settings.pop("constants", {}).items():
        module, _, constant = name.rpartition(".")
        setattr(importlib.import_module(f"websocket_v6.{module}"), constant, value)
    level = logging.INFO if settings.pop("log", False) else logging.WARNING
    logging.basicConfig(level=level, stream=sys.stderr, format="%(asctime)s %(process)d %(name)s %(message)s")
    settings["runtime_dir"] = Path(settings["runtime_dir"])
    child = Child(Config(**settings))
    print(json.dumps({"ok": os.getpid()}), flush=True)  # noqa: T201
    for line in sys.stdin:
        command = json.loads(line)
        do = command.pop("do")
        if do == "end":
            break
        try:
            answer = {"ok": getattr(child, do)(**command)}
        except Exception as error:  # noqa: BLE001 - the test is told
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
