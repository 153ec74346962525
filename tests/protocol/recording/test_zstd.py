import pytest

from websocket_v6.protocol.errors import ConfigError
from websocket_v6.protocol.recording import zstd
from websocket_v6.protocol.recording.zstd import Compressor, Decompressor, check_zstd


def test_each_piece_is_read_without_the_next() -> None:
    out, back = Compressor(zstd.SMALL), Decompressor()
    for number in range(5):
        piece = out.piece(b"%d" % number * 100, is_last=number == 4)
        assert back.piece(piece, 1000) == b"%d" % number * 100


def test_later_pieces_cost_less_since_they_know_the_earlier_ones() -> None:
    text, out = bytes(range(256)) * 2, Compressor(zstd.SMALL)
    first, second = out.piece(text, is_last=False), out.piece(text, is_last=False)
    assert len(second) < len(first) / 5


def test_what_is_none_or_too_large_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be decompressed"):
        Decompressor().piece(b"nothing of that kind", 1000)
    with pytest.raises(ValueError, match="more than 99 bytes"):
        Decompressor().piece(Compressor(1).piece(b"a" * 100, is_last=False), 99)


def test_behind_the_end_of_a_frame_nothing_is_read() -> None:
    back = Decompressor()
    back.piece(Compressor(1).piece(b"a", is_last=True), 99)
    with pytest.raises(ValueError, match="cannot be decompressed"):
        back.piece(Compressor(1).piece(b"b", is_last=True), 99)


def test_without_the_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zstd, "_NAME", "no_such_package")
    with pytest.raises(ConfigError, match=r"pip install 'websocket-v6\[record\]'"):
        check_zstd()
