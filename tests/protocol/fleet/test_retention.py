from websocket_v6.protocol.fleet.ids import EntryId
from websocket_v6.protocol.fleet.retention import OVERHEAD, Retention


def filled(seconds: float, most_bytes: int, *, count: int) -> Retention:
    table = Retention(seconds, most_bytes)
    for number in range(count):
        table.note(EntryId(7, number + 1), 900, 100.0 + number / 2)
    return table


def test_all_before_the_last_seconds_goes() -> None:
    table = filled(3.0, 10**9, count=20)  # two a second, until 109.5
    assert table.trim(109.5) == EntryId(7, 13)  # of the second 106
    assert table.trim(109.6) is None
    assert table.kept_seconds(109.5) == 3.5


def test_all_before_the_last_bytes_goes() -> None:
    table = filled(1000.0, 5 * (900 + OVERHEAD), count=20)
    assert table.trim(109.5) == EntryId(7, 17)
    assert table.kept_bytes == 4 * (900 + OVERHEAD)


def test_without_anything_to_trim_nothing_is_said() -> None:
    assert Retention(60.0, 1000).trim(5.0) is None
    assert Retention(60.0, 1000).kept_seconds(5.0) == 0.0
    assert filled(60.0, 10**9, count=20).trim(109.5) is None


def test_the_second_that_is_written_stays_however_much_it_is() -> None:
    table = Retention(60.0, 1000)
    for number in range(5):
        table.note(EntryId(7, number + 1), 10_000, 100.0)
    assert table.trim(100.0) is None


def test_a_server_without_memory_keeps_half() -> None:
    table = filled(1000.0, 10**9, count=20)
    before = table.kept_bytes
    assert table.halve(109.5) == EntryId(7, 11)
    assert table.kept_bytes == before // 2
    assert table.most_bytes == 10**9
