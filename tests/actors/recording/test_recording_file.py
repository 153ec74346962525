import errno
import os
import stat
from pathlib import Path

import pytest

from websocket_v6.actors.recording import recording_file
from websocket_v6.actors.recording.recording_file import RecordingFile


def test_it_is_a_new_file_that_nobody_else_reads(tmp_path: Path) -> None:
    path = tmp_path / "a.wsr"
    before = os.umask(0)
    try:
        file = RecordingFile(path)
    finally:
        os.umask(before)
    file.write(b"one")
    file.write(b"two")
    file.close()
    file.close()
    assert path.read_bytes() == b"onetwo"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_is_there_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "a.wsr").write_text("mine")
    with pytest.raises(FileExistsError):
        RecordingFile(tmp_path / "a.wsr")
    assert (tmp_path / "a.wsr").read_text() == "mine"


def test_it_is_not_made_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "a.wsr").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        RecordingFile(tmp_path / "a.wsr")
    assert not (tmp_path / "elsewhere").exists()


def test_what_the_system_takes_in_parts_is_written_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    file = RecordingFile(tmp_path / "a.wsr")
    file.write(b"more than three")
    file.close()
    assert (tmp_path / "a.wsr").read_bytes() == b"more than three"


def test_it_is_put_on_the_disk_now_and_then_and_at_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    file = RecordingFile(tmp_path / "a.wsr")
    file.write(b"one")
    assert not synced
    monkeypatch.setattr(recording_file, "SYNC_PERIOD", 0.0)
    file.write(b"two")
    assert len(synced) == 1
    file.close()
    assert len(synced) == 1  # nothing was written since


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    file = RecordingFile(tmp_path / "a.wsr")
    full = os.open("/dev/full", os.O_WRONLY)
    assert file._descriptor is not None
    os.dup2(full, file._descriptor)
    os.close(full)
    with pytest.raises(OSError, match="No space left") as caught:
        file.write(b"one")
    assert caught.value.errno == errno.ENOSPC
    file._is_synced = True
    file.close()
