"""A door in a process of its own, so that what it costs can be measured: what there is to say comes as JSON on stdin.

It prints the port that it listens on, and ends with its stdin.
"""

import importlib
import json
import logging
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from subprocess import PIPE, Popen
from typing import Any

import psutil

from websocket_v6.simulator import Simulator

__all__ = ["ChildDoor", "child_door"]


@dataclass(frozen=True)
class ChildDoor:
    """The process, and the port that its door has."""

    process: psutil.Process
    port: int
    log: list[str] = field(default_factory=list)  # once it has ended

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/websocket/v1"

    @property
    def memory(self) -> int:
        """Bytes of memory that it has."""
        return int(self.process.memory_info().rss)

    @property
    def descriptors(self) -> int:
        return int(self.process.num_fds())


@contextmanager
def child_door(
    sim: Simulator,
    *,
    rules: dict[str, Any] | None = None,
    constants: dict[str, Any] | None = None,
    descriptors: int = 0,
    **config: Any,
) -> Iterator[ChildDoor]:
    """Open a door in a child; `constants` are set in its modules: {"actors.server.sockets.HANDSHAKE": 1.0}."""
    what = {
        "config": {"url": sim.url, "access_key": sim.access_key, "secret_key": sim.secret_key, **config},
        "rules": rules or {},
        "constants": constants or {},
        "descriptors": descriptors,
    }
    with Popen([sys.executable, "-m", __name__], stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(json.dumps(what) + "\n")
            child.stdin.flush()
            line = child.stdout.readline()
            assert line, child.communicate()[1][-3000:]
            door = ChildDoor(psutil.Process(child.pid), int(line))
            yield door
            assert child.poll() is None, "it lives"
        finally:
            try:
                _, errors = child.communicate(timeout=20.0)
            finally:
                child.kill()  # nothing happens if it has ended
            sys.stderr.write(errors[-5000:])
        door.log.extend(errors.splitlines())
        assert child.returncode == 0
        assert not any("Traceback" in one for one in door.log)


def main() -> None:
    """Open the door and wait for the end of stdin."""
    what = json.loads(sys.stdin.readline())
    for path, value in what["constants"].items():
        module, _, name = path.rpartition(".")
        loaded = importlib.import_module(f"websocket_v6.{module}")
        assert hasattr(loaded, name), path
        setattr(loaded, name, value)
    if what["descriptors"]:
        resource.setrlimit(resource.RLIMIT_NOFILE, (what["descriptors"], what["descriptors"]))
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    from tests.front_door import front_door
    from websocket_v6.protocol.server.door_rules import Rules

    class Upstream:
        """What `front_door` needs of a simulator."""

        url = what["config"].pop("url")
        access_key = what["config"].pop("access_key")
        secret_key = what["config"].pop("secret_key")

    with front_door(Upstream(), rules=Rules(**what["rules"]), **what["config"]) as door:  # type: ignore[arg-type]
        sys.stdout.write(f"{door.port}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
