"""Where processes meet by default, and where else they might."""

import os
import tempfile
from pathlib import Path

import pytest

from websocket_v6.actors.membership.folders import check_folder, default_folder, keep_private, other_folders
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


def test_folders_on_the_way_are_the_user_s_too_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        check_folder(tmp_path / "a" / "b" / "c")
    finally:
        os.umask(before)
    assert [one.stat().st_mode & 0o777 for one in (tmp_path / "a", tmp_path / "a" / "b")] == [0o700] * 2


as_root = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give a folder away")


@pytest.mark.skipif(os.name != "posix", reason="no modes")
def test_where_others_can_write_above_it_they_could_swap_it(tmp_path: Path) -> None:
    above = tmp_path / "above"
    folder = above / "below" / "folder"
    check_folder(folder)
    above.chmod(0o777)
    with pytest.raises(
        ConfigError, match=r"is below .*above, where others can write \(mode 777\): .* pose as the host"
    ):
        check_folder(folder)
    above.chmod(0o1777)  # as in /tmp
    check_folder(folder)
    above.chmod(0o775)  # the user's own group's
    check_folder(folder)
    above.chmod(0o755)
    check_folder(folder)


@as_root
@pytest.mark.parametrize("mode", [0o700, 0o755, 0o1777])
def test_who_owns_a_folder_above_it_could_swap_it(tmp_path: Path, mode: int) -> None:
    above = tmp_path / "above"
    check_folder(above / "folder")
    os.chown(above, 12345, 0)
    above.chmod(mode)
    with pytest.raises(ConfigError, match="above, which belongs to another user"):
        check_folder(above / "folder")


@as_root
def test_a_group_that_is_not_the_user_s_may_not_write_above_it(tmp_path: Path) -> None:
    above = tmp_path / "above"
    check_folder(above / "folder")
    os.chown(above, 0, 12345)
    above.chmod(0o775)
    with pytest.raises(ConfigError, match="where others can write"):
        check_folder(above / "folder")


@as_root
def test_links_on_the_way_are_the_user_s_and_so_is_where_they_lead(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir(mode=0o700)
    link.symlink_to(real)
    check_folder(link / "folder")
    os.lchown(link, 12345, 12345)
    with pytest.raises(ConfigError, match="link, which belongs to another user"):
        check_folder(link / "folder")
    os.lchown(link, 0, 0)
    os.chown(real, 12345, 12345)
    with pytest.raises(ConfigError, match="real, which belongs to another user"):
        check_folder(link / "folder")


def test_a_circle_of_links_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(ConfigError, match=r"runtime_dir .* cannot be used"):
        check_folder(tmp_path / "a" / "folder")


def test_a_folder_that_is_opened_to_others_later_is_closed_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "folder"
    check_folder(folder)
    assert keep_private(folder)
    assert not caplog.records
    folder.chmod(0o777)
    assert keep_private(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert "open to others (mode 777)" in caplog.text


def test_what_has_taken_its_place_is_not_believed(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    assert not keep_private(folder)
    folder.symlink_to(tmp_path)
    assert not keep_private(folder)
    folder.unlink()
    folder.touch()
    assert not keep_private(folder)


@as_root
def test_a_folder_that_was_given_away_is_not_believed(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    check_folder(folder)
    os.chown(folder, 12345, 12345)
    assert not keep_private(folder)


def test_without_any_folder_to_write_in_it_says_what_to_give(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(tempfile, "gettempdir", none)
    with pytest.raises(ConfigError, match="WEBSOCKET_V6_RUNTIME_DIR"):
        default_folder()
    assert all(folder.is_relative_to("/run/user") for folder in other_folders(Path("/elsewhere")))
