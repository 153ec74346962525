import pytest

from websocket_v6.protocol import zstd
from websocket_v6.protocol.errors import ConfigError
from websocket_v6.protocol.zstd import Compressor, Decompressor, check_zstd, inflate


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
        check_zstd("a recording is", "record")
    with pytest.raises(ConfigError, match="no Zstandard here: pip install no_such_package"):
        inflate(b"", 99)


def test_a_frame_of_one_piece_is_read_whole_and_the_next_one_needs_none_before_it() -> None:
    out = Compressor(zstd.FAST)
    out.piece(b"a" * 100, is_last=True)
    assert inflate(out.piece(b"b" * 100, is_last=True), 100) == b"b" * 100


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"nothing of that kind", "cannot be decompressed"),
        (Compressor(1).piece(b"a" * 101, is_last=True), "more than 100 bytes"),
        (Compressor(1).piece(b"a" * 50, is_last=True)[:-1], "no single whole frame"),
        (Compressor(1).piece(b"a" * 50, is_last=True) * 2, "no single whole frame"),
        (b"", "no single whole frame"),
    ],
)
def test_what_is_no_whole_frame_or_too_large_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        inflate(data, 100)


def test_a_frame_whose_window_is_larger_than_what_it_may_hold_is_refused() -> None:
    library = zstd._library()
    out = library.ZstdCompressor(options={library.CompressionParameter.window_log: 27})
    frame = out.compress(b"a" * 50) + out.flush()  # its size is not known when its head is written
    with pytest.raises(ValueError, match="cannot be decompressed"):
        inflate(frame, 1000)
