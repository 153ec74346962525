from websocket_v6.actors.recording.recording_mouth import HURRY_BYTES, Dropped, RecordingMouth
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.events import Event, make_event


def event(size: int = 10) -> Event:
    return make_event("trade KRW-BTC", bytes(size), 1, 1)


def test_what_comes_is_kept_in_its_order() -> None:
    mouth = RecordingMouth(list)
    way, first, second = Way(0, mouth), [event()], [event(), event()]
    mouth.deliver([(way, first)])
    mouth.convey(way, "news")
    mouth.deliver([(way, second)])
    taken = mouth.take()
    assert [one.what for one in taken] == [first, "news", second]
    assert [one.mono_ns for one in taken] == sorted(one.mono_ns for one in taken)
    assert not mouth.take()


def test_what_finds_no_room_is_counted_and_told_in_its_place() -> None:
    mouth = RecordingMouth(list, most=1000)
    way = Way(0, mouth)
    mouth.deliver([(way, [event(600)])])
    mouth.deliver([(way, [event(600), event(600)])])
    mouth.deliver([(way, [event(600)])])
    mouth.convey(way, "news")
    first, dropped, news = [one.what for one in mouth.take()]
    assert isinstance(first, list)
    assert isinstance(dropped, Dropped)
    assert dropped.messages == 3
    assert dropped.from_ns <= dropped.until_ns
    assert news == "news"
    mouth.deliver([(way, [event(600)])])  # there is room again
    assert len(mouth.take()) == 1


def test_it_hurries_once_when_much_waits() -> None:
    hurried: list[bool] = []
    mouth = RecordingMouth(lambda: hurried.append(True))
    way = Way(0, mouth)
    for _ in range(3):
        mouth.deliver([(way, [event(HURRY_BYTES)])])
    assert len(hurried) == 1
    mouth.take()
    mouth.deliver([(way, [event(HURRY_BYTES)])])
    assert len(hurried) == 2


def test_nothing_is_kept_for_a_recording_that_has_ended() -> None:
    mouth = RecordingMouth(list)
    mouth.close()
    mouth.deliver([(Way(0, mouth), [event()])])
    mouth.convey(Way(0, mouth), "news")
    assert not mouth.take()
