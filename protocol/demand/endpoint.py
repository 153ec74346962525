"""One endpoint as a machine: what is wanted of it, what its sources serve, and whether its data hangs together.

It has no clock, no ref, no mailbox and no future: times are passed in (`now` in monotonic seconds, `..._ns` in Unix
nanoseconds), leases, sources, attachments and askers are numbers. Every input returns commands, in the order in which
they must leave (`commands.py` here, and `protocol/delivery/commands.py` for the router). What waits for a time waits in
one heap: call `due` at `next_due`.

What it hears of sources comes through the router, behind the data before it. What it does not know is of something that
was forgotten meanwhile, and is ignored; what cannot happen is LocalProtocolError.
"""

from collections.abc import Collection, Iterator, Set

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.delivery.commands import End, Mark, Merge
from websocket_v6.protocol.errors import ExchangeError, LocalProtocolError, TransportError, WebSocketV6Error
from websocket_v6.protocol.exchange.heads import SubscriptionList
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.exchange.wants import Want

from .asking import Asking
from .commands import Command, Deny, Unroute
from .continuity import Continuity
from .deadlines import Deadline, Deadlines, Kind
from .epochs import Epochs
from .fence import Fence
from .health import EndpointHealth, EndpointInheritance
from .interest import Interest, Told
from .joining import Joining
from .lease import Leases
from .opening import Openings
from .silence import Silence
from .source import Attachment, Sources, Traits, What
from .trials import Trials
from .verdicts import Verdicts
from .verifying import check_verified

__all__ = ["Endpoint", "EndpointHealth", "EndpointInheritance"]

# What a source that is gone has sent is delivered, or comes no more, after this time.
MERGE_LINGER = 10.0
# Errors of the exchange about the keys, not about a request.
KEY_ERRORS = ("INVALID_AUTH",)
REPLACED = "it is replaced"
UNWANTED = "nothing is wanted of it any more"


class Endpoint:
    """Keeps what the exchange serves of one endpoint equal to the union of all leases, and tells how that goes."""

    def __init__(self, name: str, config: Config, inherited: EndpointInheritance | None = None) -> None:
        left = inherited or EndpointInheritance()
        self._was_served = left.was_served
        self.name = name
        self._patience = config.backfill_timeout
        self._out: list[Command] = []
        out = self._out
        leases_ = self._leases = Leases(left.leases)
        sources = self._sources = Sources(config.gather)
        continuity = self._continuity = Continuity(left.epoch, left.missing_since_ns)
        deadlines = self._deadlines = Deadlines()
        silence = self._silence = Silence(config.silent_code_timeout, leases_, sources, deadlines)
        asking = self._asking = Asking(leases_, sources, deadlines, silence, out)
        joining = self._joining = Joining(sources, continuity, deadlines, asking, out)
        self._interest = Interest(leases_, sources, out)
        self._openings = Openings(leases_, sources, out)
        trials = self._trials = Trials(leases_, sources, silence, asking, out)
        self._verdicts = Verdicts(sources, silence, asking, joining, trials, out)
        self._fence = Fence(name, leases_, sources, continuity, asking, out)
        self.epochs = Epochs(name, config, leases_, sources, continuity, deadlines, silence, asking, joining, out)
        silence.expect_all()

    @property
    def wanted(self) -> Set[Stream]:
        """All streams that are asked for."""
        return self._leases.union.demands.keys()

    @property
    def is_open(self) -> bool:
        """Whether any source is."""
        return self._sources.is_open

    @property
    def next_due(self) -> float | None:
        """When `due` is to be called, monotonic seconds; `None`: nothing waits for a time."""
        return self._deadlines.next_due

    def due(self, now: float) -> list[Command]:
        """Do what its time has come for."""
        ready, mark = self._deadlines.pop(now)
        for deadline in ready:
            if deadline.kind is Kind.STOP_MERGING:
                if len(self._sources) < 2:
                    self._out.append(Merge(self.name, is_on=False))
            elif self._asking.flush(now):
                self._let_go(now)
        if mark is not None:
            self._out.append(Mark(self.name, mark))
        return self._commands(now)

    def marked(self, number: int, flowing_since: float | None, now: float, now_ns: int) -> list[Command]:
        """Pass the verdicts that waited for this mark: all that lay before it is delivered.

        The sources were read without a pause since `flowing_since`, minus infinity if always, `None` if they are not.
        """
        for deadline in self._deadlines.marked(number, flowing_since, now):
            if self._verdicts.passed(deadline, now, now_ns):
                self._changed(now)
        return self._commands(now)

    def _commands(self, now: float) -> list[Command]:
        """Return what is to be done, and forget it."""
        self._fence.look()
        self._asking.plan_flush(now)
        commands = list(self._out)
        self._out.clear()
        return commands

    # --- leases

    def want(self, lease: int, want: Want, now: float, *, replays: bool = True) -> list[Command]:
        """Take a want, or more codes of one that is there. `replays`: it begins with the last value, if it may.

        Raises:
            LocalProtocolError: if the exchange would refuse it, or it is of another endpoint; nothing is counted then.
        """
        if want.endpoint != self.name:
            raise LocalProtocolError(f"a want of {want.type} is none of the {self.name} endpoint")
        known = self._leases.get(lease)
        others = (one.want for number, one in self._leases if number != lease)
        check_verified(
            want if known is None else known.want.with_codes({*known.want.codes, *want.codes}), others, self._patience
        )
        is_new = known is None
        new = self._leases.want(lease, want)
        if new is None:
            return []
        if is_new:
            self.epochs.tell_newcomer(lease)
        streams = tuple(dict.fromkeys(new.streams()))
        self._trials.grown(lease)
        self._asking.route(lease, new, streams, replays=replays)
        self._silence.expect(lease, new, streams)
        self._changed(now)
        return self._commands(now)

    def drop(self, lease: int, part: Want | None, now: float) -> list[Command]:
        """Take back a lease, or its part in the codes of `part`. What is not there is no error."""
        known = self._leases.get(lease)
        dropped = self._leases.drop(lease, part)
        if known is None or dropped is None:
            return []
        self._trials.left(lease)
        self._silence.forget(lease, known.open if dropped.streams is None else dropped.streams)
        if dropped.streams != ():
            self._out.append(Unroute(lease, dropped.streams))
        self._trials.freed(dropped.gone)
        self._changed(now)
        return self._commands(now)

    def ask_again(self, codes: Collection[str], now: float) -> list[Command]:
        """Ask once more for what of `codes` has been asked for in vain: they are listed, and may begin any time."""
        if self._asking.again(self._silence.reported_of(codes)):
            self._changed(now)
        return self._commands(now)

    def satisfied(self, lease: int, stream: Stream, now: float) -> list[Command]:
        """Note that a lease that wanted a snapshot alone of `stream` has had it."""
        gone = self._leases.satisfied(lease, stream)
        if gone is not None:
            self._trials.freed(gone)
            self._changed(now)
        return self._commands(now)

    def followers(self, type_: str) -> Iterator[tuple[int, Want]]:
        """Yield the leases of one data type, and what each wants."""
        return ((number, lease.want) for number, lease in self._leases if lease.want.type == type_)

    def _changed(self, now: float) -> None:
        """Have the union served as it is now, soon."""
        self._asking.changed(now)
        self._interest.look()

    def _let_go(self, now: float) -> None:
        """Close the connections if nothing is wanted: the exchange has no way to say that."""
        if self._interest.is_over and self._interest.may_come_back:
            self._interest.linger()
        elif self._interest.is_over:
            self.epochs.closed(UNWANTED)
            self._interest.close()
            self._remove_dropped(now)

    # --- sources

    def add_source(self, source: int, traits: Traits, now: float) -> list[Command]:
        """Have one more source serve the union.

        Raises:
            LocalProtocolError: if it is there already.
        """
        self._sources.add(source, traits)
        if len(self._sources) > 1:
            self._out.append(Merge(self.name, is_on=True))
            for one in self._sources.open():
                self._asking.check_served(one, now)
        self._interest.added(source)
        return self._commands(now)

    def drop_source(self, source: int, now: float) -> list[Command]:
        """Do without a source from now on; if it is open, as soon as the router says up to when it brought all."""
        known = self._sources.get(source)
        if known is not None and not known.is_dropped:
            known.is_dropped = True
            if known.attachment is not None:
                self._out.append(End(known.attachment.number, REPLACED))
            self._remove_dropped(now)
        return self._commands(now)

    def _remove_dropped(self, now: float) -> None:
        """Forget sources that were dropped and are not open any more."""
        dropped = [source for source in self._sources if source.is_dropped and source.attachment is None]
        for source in dropped:
            self._sources.remove(source)
            self._deadlines.set(Deadline(Kind.STOP_MERGING), now, MERGE_LINGER)
        if dropped and not self._sources.is_open:
            self.epochs.tell_refusals()

    def state(self, source: int, state: str, what: What, now: float) -> list[Command]:
        """Take note of what happened to a source that is not open: connecting, lost (an attempt), refused, closed.

        Raises:
            LocalProtocolError: if it is open, or the state is none of these.
        """
        if state not in ("connecting", "lost", "refused", "closed"):
            raise LocalProtocolError(f"{state!r:.40} is no state of a source that is not open")
        known = self._sources.get(source)
        if known is None:
            return []
        if known.attachment is not None:
            raise LocalProtocolError(f"source {source} is {state} before the end of its attachment was told")
        self.epochs.noted(known, state, what)
        return self._commands(now)

    def opened(
        self,
        attachment: int,
        source: int,
        at_ns: int,
        now: float,
        *,
        backfills: bool = False,
        ago: float = 0.0,
        whole: int = 0,
        limit: int | None = None,
    ) -> list[Command]:
        """Take note that a source is open, for `ago` seconds. `backfills`: what was missed before it brings by itself.

        It is one more part of `whole`, or the first; a request to it may have `limit` bytes.

        Raises:
            LocalProtocolError: if it was, and its end was not told.
        """
        known = self._sources.get(source)
        if known is None or known.is_dropped or self._interest.told is Told.NOTHING:
            return []  # it is about to end; as long as it is not admitted it brings nothing
        parts = self._openings.opened(known, attachment, whole, limit)
        if parts is not None:
            self._asking.ask(self.epochs.opened(known, parts, at_ns, now, backfills=backfills, ago=ago), now)
            self._let_go(now)
        return self._commands(now)

    def ended(
        self, attachment: int, whole_ns: int, at_ns: int, reason: str, error: WebSocketV6Error | None, now: float
    ) -> list[Command]:
        """Take note that an attachment is over; all of it from before `whole_ns` was delivered."""
        one = self._sources.attachment(attachment)
        if one is None:
            source = self._openings.ended(attachment)
            if source is not None and not source.is_dropped and self._interest.told is Told.CONNECT:
                self.epochs.noted(source, "lost", What(at_ns, reason, error))
            return self._commands(now)
        self.epochs.ended(one, whole_ns, at_ns, reason, error, now)
        if self._sources.is_open:
            self._asking.changed(now)  # what it was to bring is watched for elsewhere
        else:
            self._all_down(at_ns, reason, error)
        self._remove_dropped(now)
        return self._commands(now)

    def _all_down(self, at_ns: int, reason: str, error: WebSocketV6Error | None) -> None:
        if self._interest.told is Told.LINGER:
            self._interest.close()  # else it might come back, and nobody would admit it
            self._continuity.closed()
            self.epochs.tell("closed", at_ns, reason)
        else:
            self.epochs.tell("lost", at_ns, reason, error)

    def use_router(self, whole_ns: int | None, now: float, now_ns: int) -> list[Command]:
        """Tell a router that is new what it must know. All attachments are gone with the one before.

        That one had delivered everything up to `whole_ns`, if anything.
        """
        self._deadlines.forget_marks()
        self._openings.forget()
        was_served = self._was_served or self._sources.is_open
        self._continuity.broken(whole_ns)
        if self._was_served:
            self._continuity.gap_started_ns = max(self._continuity.gap_started_ns or 0, whole_ns or 0)
            self._was_served = False
        self.epochs.down(self._sources.open(), REPLACED)
        if was_served:
            self._all_down(now_ns, REPLACED, None)
        self._remove_dropped(now)
        if len(self._sources) > 1:
            self._out.append(Merge(self.name, is_on=True))
        self._asking.route_anew()
        if self._trials.next():
            self._changed(now)
        return self._commands(now)

    # --- what sources bring and say

    def seen(self, attachment: int, streams: tuple[Stream, ...], now: float, now_ns: int) -> list[Command]:
        """Note that an attachment has delivered `streams`, the first of each or a snapshot."""
        one = self._sources.attachment(attachment)
        if one is None:
            return []
        is_sign = self._asking.saw(one, streams, attachment)
        one.source.was_suspected = False
        self._silence.saw(streams)
        is_asked = any(one.coverage.depth_asked(stream) >= 0 for stream in streams)
        self._shown_in_force(one, one.requests if is_sign else int(is_asked and one.parts.have_begun), now)
        self._joining.settled(one, now, now_ns)
        return self._commands(now)

    def _shown_in_force(self, one: Attachment, request: int, now: float) -> None:
        if one.shown_in_force(request):
            self._silence.in_force(one, now)
            self._joining.review()
            if self._trials.proven(one, one.in_force):
                self._changed(now)

    def answered(self, attachment: int, answer: SubscriptionList, now: float, now_ns: int) -> list[Command]:
        """Take the answer to a question that an attachment was asked."""
        one = self._sources.attachment(attachment)
        question = None if one is None else self._asking.answered(one, answer, attachment)
        if one is None or question is None:
            return []
        if question.after == one.requests:
            one.coverage.acknowledge()
        self._shown_in_force(one, question.after, now)
        self._joining.answered(one, question, now, now_ns)
        return self._commands(now)

    def question(self, asker: int, now: float) -> list[Command]:
        """Ask what the exchange serves; answered with Answer or Deny, once."""
        if self._sources.is_open:
            self._asking.question(asker)
        else:
            text = f"the {self.name} connection is not open: nothing is served on it"
            self._out.append(Deny(asker, TransportError(text)))
        return self._commands(now)

    def refused(self, attachment: int, name: str, text: str, streams: Collection[Stream], now: float) -> list[Command]:
        """Find the lease that is refused, so that it harms no other. `streams`: what it is of, where that is said."""
        one = self._sources.attachment(attachment)
        if one is None or name in KEY_ERRORS:
            return []
        if self._trials.refused(one, ExchangeError(name, text), streams):
            self._changed(now)
        return self._commands(now)

    # --- telling who asks

    def inheritance(self) -> EndpointInheritance:
        """Return what a successor begins with."""
        continuity, leases = self._continuity, self._leases.inheritance()
        if self._interest.told is Told.LINGER:  # nothing can be missing of what nobody wants
            return EndpointInheritance(leases, continuity.epoch)
        was_served = self._was_served or continuity.is_served
        return EndpointInheritance(leases, continuity.epoch, continuity.missing_since_ns, was_served)

    def health(self) -> EndpointHealth:
        """Return how it goes."""
        serving = (self._sources.attachment(number) for number in self._continuity.serving)
        return EndpointHealth(
            self.name,
            len(self._leases.union),
            len(self._leases),
            self._asking.requests_sent,
            self._continuity.epoch,
            frozenset(one.source.number for one in serving if one is not None),
            tuple(self.wanted),
            self.epochs.gaps,
        )
