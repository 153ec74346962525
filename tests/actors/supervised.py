"""A supervisor whose children are stand-ins, but for those that a test names."""

from pathlib import Path
from typing import Any

import pytest

from tests.actors.children import House
from websocket_v6.actors.base import ask, stop_and_join, tell
from websocket_v6.actors.children import Children
from websocket_v6.actors.membership.place import Placed, Role
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.supervisor import Failed, GetChildren, Quit
from websocket_v6.actors.supervisor import BringUp, Supervisor
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.door import Door

TIMEOUT = 20.0
BUG = RuntimeError("a bug, as told")


class World:
    """A supervisor and its children."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, folder: Path | None = None, *, real: tuple[str, ...] = ()
    ) -> None:
        self.house = House(monkeypatch, real)
        self._monkeypatch = monkeypatch
        self._folder = folder
        self._refs: list[Ref] = []

    def start(self, *, config: Config | None = None, **options: Any) -> Children:
        self.ref = Supervisor.start(config or Config(), self._folder, **options)
        self._refs.append(self.ref)
        return self.children()

    def stop(self) -> None:
        for ref in self._refs:
            assert stop_and_join(ref, TIMEOUT)

    def children(self) -> Children:
        children: Children = ask(self.ref, GetChildren(), TIMEOUT)
        return children

    def told(self, *who: str) -> list[str]:
        """Return what has happened once the supervisor has dealt with all before, in words."""
        ask(self.ref, Quit("nobody"), TIMEOUT)
        return [one for one in self.house.told(*who) if not one.endswith("gone nobody")]

    def fail(self, name: str, inheritance: Any = None) -> list[str]:
        """Have the child that is called so die of a bug; return what follows."""
        self.told()
        child = self.house.made[name]
        child.is_dead = True
        kind = name.split()[0]
        tell(self.ref, Failed(kind, child.ref, BUG, inheritance))
        return self.told()

    def come_due(self) -> list[str]:
        """Have the supervisor see to who may be started again by now; return what follows."""
        self.told()
        tell(self.ref, BringUp())
        return self.told()

    def place(self, role: Role, door: Door | None = None, *shared: str, generation: int = 0) -> None:
        """Have the membership there is now say this."""
        membership = self.children().membership
        tell(self.ref, Placed(role, door, shared, None, membership, generation))
