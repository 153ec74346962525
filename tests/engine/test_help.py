"""help(): every field says what it holds, in which unit and from where, and what there is fits a person."""

import pydoc
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import websocket_v6
from tests.conftest import ROOT
from websocket_v6.protocol.events import Event
from websocket_v6.protocol.events.fields import Field

EVENTS = [one for one in vars(websocket_v6).values() if isinstance(one, type) and issubclass(one, Event)]


def shown(what: Any) -> str:
    return pydoc.render_doc(what, renderer=pydoc.plaintext)  # type: ignore[attr-defined]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_every_field_of_an_event_has_its_line(event: type[Event]) -> None:
    text = shown(event)
    assert "attrgetter" not in text
    assert len(text.splitlines()) < 320
    fields = [value for base in event.__mro__ for value in vars(base).values() if isinstance(value, Field)]
    assert fields
    for field in fields:
        assert field.meaning
        assert field.kind
        assert f"the exchange's `{field.full}`, `{field.short}` in SIMPLE" in str(field.__doc__)


def test_all_there_is_fits_a_person() -> None:
    text = shown(websocket_v6)
    assert len(text.splitlines()) < 80
    public = {name for name in dir(websocket_v6) if isinstance(getattr(websocket_v6, name), type)}
    assert public - {"ProtocolError"} <= {word.strip("().,:;") for word in text.replace(".", " ").split()}


def test_states_of_a_connection_are_told() -> None:
    assert {str(state) for state in websocket_v6.ConnectionState} == {
        "connecting", "open", "lost", "refused", "closed", "backfilled", "reconciled", "restarting",
    }  # fmt: skip
    for what in (websocket_v6.WebSocketClientProxy.on_connection, websocket_v6.ConnectionEvent):
        assert all(f'"{state}"' in shown(what) for state in websocket_v6.ConnectionState)


@pytest.mark.parametrize(
    ("name", "todo"), [("websocket.py", "another name"), ("websocket/__init__.py", "pip uninstall")]
)
def test_what_hides_websocket_client_is_named(tmp_path: Path, name: str, todo: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("import websocket_v6\n")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import websocket_v6"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"ImportError: `websocket` is {file}, which hides websocket-client: ")
    assert todo in last
