import sys
from pathlib import Path

import pytest

from websocket_v6.actors.replay.recorded_tape import Tape
from websocket_v6.protocol.errors import ConfigError
from websocket_v6.protocol.replay.digest import new_digest
from websocket_v6.protocol.replaying import Replay


def test_a_digest_is_of_all_that_it_was_told_in_order_however_it_came() -> None:
    whole, pieces, other = new_digest(), new_digest(), new_digest()
    whole.update(b"abc")
    for piece in (b"a", b"", b"bc"):
        pieces.update(piece)
    other.update(b"acb")
    assert whole.hexdigest() == pieces.hexdigest() != other.hexdigest()


def test_a_digest_is_that_of_the_standard() -> None:
    """A replay of another machine, or of next year, has the same."""
    assert new_digest().hexdigest() == "99aa06d3014798d86001c324468d497f"


def test_who_wants_digests_without_the_extra_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xxhash", None)
    with pytest.raises(ConfigError, match=r"pip install 'websocket-v6\[record\]'"):
        Tape(Replay(tmp_path / "none.wsr", digests=True))
