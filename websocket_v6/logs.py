"""The log for programs that read it: a stable name for each event, its values as fields, and JSON.

Needs nothing for the names; JSON is python-json-logger's work, in the extra `logs`. docs/howto/logging.md lists the
events. Lines are rare by themselves: a trouble is told at once, then at growing intervals, and when it is over.

    import logging
    from websocket_v6.logs import LogEvents, json_formatter

    handler = logging.StreamHandler()
    handler.addFilter(LogEvents())
    handler.setFormatter(json_formatter())
    logging.getLogger("websocket_v6").addHandler(handler)
"""

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from .protocol.errors import ConfigError

__all__ = ["EVENTS", "Event", "LogEvents", "json_formatter"]


class Event(NamedTuple):
    """What a line of the log says: the name of the event, and those of its values, in the order of the text."""

    name: str
    fields: tuple[str, ...] = ()


def _event(name: str, *fields: str) -> Event:
    return Event(name, fields)


# A line of the log, as it stands in the code before its values are put in -> what it says. `told` is how often it has
# happened, in words, and has a place in the text alone.
EVENTS: Mapping[str, Event] = MappingProxyType(
    {
        # connections
        "the %s connection is open": _event("connection_opened", "endpoint"),
        "no %s connection: %s%s; next attempt %s": _event("connection_lost", "endpoint", "reason", "failed", "next"),
        "the %s connection is open again after %d failures in %.1f s%s": _event(
            "connection_recovered", "endpoint", "failures", "seconds", "gap"
        ),
        "the exchange answered on the %s connection: %s, %s%s": _event(
            "exchange_error", "endpoint", "error", "reason", "failed"
        ),
        "missed %s cannot be fetched from %s: %s%s": _event("backfill_failed", "what", "url", "reason", "told"),
        "%s is not reconciled: %s%s": _event("not_reconciled", "type", "reason", "again"),
        "a request of %d bytes goes to the %s endpoint: whether the exchange takes it is not known": _event(
            "request_large", "bytes", "endpoint"
        ),
        "the %s connection ended %s%s": _event("request_refused", "endpoint", "request", "told"),
        "there has been no list of markets from %s for %.0f s: %s; markets that come or go are not seen": _event(
            "markets_unknown", "url", "seconds", "reason"
        ),
        "there is a list of markets again, after %.0f s": _event("markets_known_again", "seconds"),
        # data
        "a malformed message of %s was skipped: %s%s": _event("message_malformed", "stream", "reason", "others"),
        "a malformed message (%s) was skipped on %s: %s": _event("message_malformed", "kind", "endpoint", "reason"),
        "the exchange sends %r, which this version does not know%s": _event("type_unknown", "type", "others"),
        "more than %d messages came to the %s endpoint within half a minute: a source that lags far behind the others "
        "is not compared with them any more, and waits until it has caught up": _event(
            "source_lags", "messages", "endpoint"
        ),
        "last values hold %d MiB: the largest are forgotten": _event("last_values_shed", "mebibytes"),
        "%s: a candle changed after it was delivered, its volume from %s to %s: it is not delivered again%s": _event(
            "candle_late", "stream", "before", "after", "told"
        ),
        "there is no %s snapshot of %s: listed, but silent": _event("snapshot_missing", "type", "codes"),
        # components
        "component %r is too slow for its %s: %d events were dropped, %d in all%s": _event(
            "component_slow", "component", "type", "dropped", "dropped_total", "told"
        ),
        "subscription of %s of component %r: %s%s": _event("stream_failed", "type", "component", "reason", "told"),
        "%s of component %r raised %s%s": _event("callback_raised", "what", "component", "error", "told"),
        "component %r is there twice: one was made at %s and has not ended, this one at %s; each has the events of its "
        "own subscriptions. End the first with cleanup(), or give them different names": _event(
            "component_twice", "component", "first_at", "second_at"
        ),
        "a callback of component %r is still running %g s after cleanup(); nothing is delivered to it any more": _event(
            "callback_still_runs", "component", "seconds"
        ),
        "a component that was collected could not leave: %s: %s": _event("component_not_left", "error", "reason"),
        "what an event loop left undone could not be finished": _event("loop_left_undone"),
        # processes
        "process %d is the host now": _event("host_changed", "host_pid"),
        "the host, process %d, does not answer: it is stopped or hangs; another takes its place, and it will be a "
        "guest when it goes on": _event("host_hangs", "host_pid"),
        "whoever has the lock in %s does nothing with it, and loses it": _event("lock_taken_away", "folder"),
        "as a guest of process %d: %s": _event("settings_not_obeyed", "host_pid", "reason"),
        "this process shares no connections with others: %s": _event("sharing_off", "reason"),
        "connections are not shared with other processes: %s": _event("sharing_off", "reason"),
        "cannot write in %s who the host is: %s": _event("folder_not_writable", "folder", "reason"),
        "%s was open to others (mode %o), who could pose as the host: it is closed again": _event(
            "folder_open_to_others", "folder", "mode"
        ),
        "%s is damaged: it is taken as if it were not there": _event("file_damaged", "path"),
        "process %d is cut off: %s": _event("member_cut_off", "member_pid", "reason"),
        "somebody came to the door who cannot be served: %s; said only once": _event("stranger", "reason"),
        "%s is cut off: %s%s": _event("client_cut_off", "client", "reason", "told"),
        "other processes did not take over in time; they will notice the gap": _event("hand_over_late"),
        # fleets
        "no other machine was ready to lead in time; the others will notice the gap": _event("fleet_hand_over_late"),
        "what was written last cannot be continued: %s": _event("fleet_not_continued", "reason"),
        "what was missed is not fetched for all: %s": _event("fleet_not_fetched", "reason"),
        "another machine leads this fleet now": _event("fleet_led_elsewhere"),
        "the fleet's server has lost a log, which is begun anew: all that read it miss something": _event(
            "fleet_log_lost"
        ),
        "the fleet's server answers again after %.1f s": _event("fleet_server_answers", "seconds"),
        "%s%s": _event("fleet_trouble", "reason", "told"),
        "what machine %s wants is passed over: %s": _event("fleet_want_malformed", "machine", "reason"),
        "last values are passed over: %s": _event("fleet_values_malformed", "reason"),
        "the place of %s in the %s log is passed over: %s": _event(
            "fleet_place_malformed", "resume", "endpoint", "reason"
        ),
        "what was wanted before is not now, so what came of it meanwhile is passed over: %s": _event(
            "fleet_resume_incomplete", "streams"
        ),
        "nobody leads this fleet, and a process with a resume name never does: start one without": _event(
            "fleet_without_leader"
        ),
        "%s; it is waited for": _event("fleet_resume_in_use", "reason"),
        # the network
        "the network is served again, at %s": _event("network_served_again", "address"),
        "the network is not served: cannot listen at %s again: %s; trying on": _event(
            "network_not_served", "address", "reason"
        ),
        "more than %d bytes wait for clients of the network: all are closed": _event("network_clients_closed", "bytes"),
        "this process serves nobody any more: its router has not answered for %g s": _event("server_stuck", "seconds"),
        # recordings
        "the recording goes on without %s: %s": _event("recording_without", "streams", "reason"),
        "the error_handler of the recording %s raised": _event("recording_handler_raised", "path"),
        "the recording %s has ended in order, with %d messages in %d files": _event(
            "recording_ended", "path", "messages", "files"
        ),
        "the recording %s has a hole: %s, and %d messages found no room%s": _event(
            "recording_hole", "path", "reason", "messages", "told"
        ),
        "%s ends without an index, %d bytes unread": _event("recording_cut_off", "path", "bytes"),
        "the replay has ended: %s": _event("replay_ended", "reason"),
        # the engine itself
        "the engine's %s does not answer": _event("part_silent", "part"),
        "the engine's %s did not stop within %g s": _event("part_does_not_stop", "part", "seconds"),
        "the engine did not stop within %g s": _event("engine_does_not_stop", "seconds"),
        "%s\nIt hangs in:\n%s": _event("part_hangs", "reason", "stack"),
        "the engine's %s hangs and is not replaced: %d threads hang already, and each keeps its memory; this is a bug, "
        "please report it, and start the program again": _event("part_hangs_for_good", "part", "threads"),
        # bugs
        "the end of a %s failed": _event("bug", "part"),
        "a %s failed; this is a bug, please report it": _event("bug", "part"),
        "a %s that failed could not close all that it owns": _event("bug", "part"),
        "component %r failed at a message; this is a bug, please report it": _event("bug", "component"),
        "the thread of a connection to the %s endpoint failed; this is a bug": _event("bug", "endpoint"),
        "the thread of a member socket failed; this is a bug": _event("bug"),
        "a call of the fleet's server failed; this is a bug, please report it": _event("bug"),
        "the thread that reads the fleet's log failed; this is a bug, please report it": _event("bug"),
        "the thread that writes the fleet's log failed; this is a bug, please report it": _event("bug"),
        "the guard of the engine failed; this is a bug, please report it": _event("bug"),
        "the engine's supervisor failed; this is a bug, please report it": _event("bug"),
        "the engine's supervisor failed at %s: %r; it goes on; this is a bug, please report it": _event(
            "bug", "at", "error"
        ),
        "what the engine's supervisor leaves cannot be put in order; this is a bug": _event("bug"),
        "what the engine's %s leaves cannot be read": _event("bug", "part"),
    }
)
# Texts that are made elsewhere, by who says them.
_BY_LOGGER: Mapping[str, Event] = MappingProxyType(
    {
        "websocket_v6.actors.failures": _event("part_failed", "reason"),
        "websocket_v6.actors.membership.membership": _event("host_elsewhere", "reason"),
        "websocket_v6.actors.recording.recorder": _event("recording_failed", "reason"),
        "websocket_v6.actors.replay.replay_router": _event("replay_waits", "reason"),
    }
)


class LogEvents(logging.Filter):
    """Names the event of each line of this package, and makes fields of its values: `record.event`, `record.endpoint`.

    For a handler. Lines of others pass as they are; what has no name here is "other".

    >>> record = logging.makeLogRecord({"name": "websocket_v6", "msg": "process %d is the host now", "args": (7,)})
    >>> LogEvents().filter(record), record.event, record.host_pid
    (True, 'host_changed', 7)
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Add what is known of a line; none is left out."""
        if record.name.partition(".")[0] == "websocket_v6":
            event = EVENTS.get(record.msg) or _BY_LOGGER.get(record.name) or Event("other")
            record.event = event.name
            values = record.args if isinstance(record.args, tuple) else ()
            for name, value in zip(event.fields, values, strict=False):
                setattr(record, name, value if isinstance(value, int | float) else str(value).strip())
        return True


def json_formatter() -> logging.Formatter:
    """Return a formatter that writes each line as one JSON object: time, level, logger, event, its fields, message.

    Raises:
        ConfigError: without python-json-logger, which the extra `logs` brings.

    >>> formatter = json_formatter()
    >>> record = logging.makeLogRecord({"name": "websocket_v6", "msg": "process %d is the host now", "args": (7,)})
    >>> LogEvents().filter(record)
    True
    >>> '"event": "host_changed"' in formatter.format(record), '"host_pid": 7' in formatter.format(record)
    (True, True)
    """
    try:
        from pythonjsonlogger.json import JsonFormatter
    except ImportError:
        raise ConfigError("JSON logs need python-json-logger: pip install 'websocket-v6[logs]'") from None
    renamed = {"levelname": "level", "name": "logger"}
    formatter: logging.Formatter = JsonFormatter(
        "%(levelname)s %(name)s %(message)s", rename_fields=renamed, timestamp="time"
    )
    return formatter
