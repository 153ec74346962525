"""Where processes meet by default, and where else they might."""

import os
import tempfile
from pathlib import Path

import pytest

from websocket_v6.actors.membership.folders import check_folder, default_folder, other_folders
from websocket_v6.protocol.errors import ConfigError


def test_the_default_folder_is_the_sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert default_folder() == tmp_path / "websocket_v6"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "gone"))
    assert default_folder().name == f"websocket_v6-{os.getuid()}"


def test_with_and_without_a_session_each_knows_the_other_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Path(f"/run/user/{os.getuid()}/websocket_v6")
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    without = default_folder()
    assert other_folders(without) == (session,)
    assert other_folders(session) == (without,)


def test_a_folder_is_made_for_the_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    check_folder(folder)
    check_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o750)
    with pytest.raises(ConfigError, match="is open to others"):
        check_folder(folder)


def test_without_any_folder_to_write_in_it_says_what_to_give(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(tempfile, "gettempdir", none)
    with pytest.raises(ConfigError, match="WEBSOCKET_V6_RUNTIME_DIR"):
        default_folder()
    assert all(folder.is_relative_to("/run/user") for folder in other_folders(Path("/elsewhere")))
