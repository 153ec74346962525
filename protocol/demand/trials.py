"""Who is refused by the exchange although all was checked: found, reported and dropped, so that it harms no other.

What is known of suspects is `probation.py`. A source that names the guilty itself has nobody tried.
"""

from collections.abc import Collection, Iterable

from websocket_v6.protocol.errors import ExchangeError, LocalProtocolError, StreamError
from websocket_v6.protocol.exchange.streams import Stream

from .asking import Asking
from .commands import Command, Report, Unroute
from .lease import Leases
from .silence import Silence
from .source import Attachment, Sources

__all__ = ["Trials"]


class Trials:
    """Appends to `out` what the guilty are told. What returns a bool says whether the union may be another now."""

    def __init__(self, leases: Leases, sources: Sources, silence: Silence, asking: Asking, out: list[Command]) -> None:
        self._leases = leases
        self._sources = sources
        self._silence = silence
        self._asking = asking
        self._out = out

    def refused(self, one: Attachment, error: ExchangeError, streams: Collection[Stream]) -> bool:
        """Take note of a refusal; `streams` are what it is of, from a source that says so."""
        if one.source.traits.names_guilty:
            guilty = [number for number, lease in self._leases if not lease.open.keys().isdisjoint(streams)]
            for number in guilty:
                self._convict(number, error)
            self.next()
            return bool(guilty)
        # An error names no request: with several under way, it may be of one that had other leases. All is asked for
        # again, in a single request, when the source is back.
        is_certain = one.requests <= one.in_force + 1
        return is_certain and not one.is_excused and self._blame(one, error)

    def _blame(self, one: Attachment, error: ExchangeError) -> bool:
        guilty, apart = self._leases.probation.refused(one.suspects)
        if guilty is None and not apart:
            return False
        for other in self._sources.open():
            other.is_excused = True  # the same request is refused there too, and blames nobody else
        self._asking.forget(self._leases.set_apart(apart))
        if guilty is not None:
            self._convict(guilty, error)
        self.next()
        return True

    def proven(self, one: Attachment, request: int) -> bool:
        """Note that a request to `one` was not refused, and so none before it, whatever was asked since."""
        good = {lease for number, leases in one.provable.items() if number <= request for lease in leases}
        one.provable = {number: leases for number, leases in one.provable.items() if number > request}
        if not good:
            return False
        self._leases.probation.proven(good)
        return self.next()

    def grown(self, lease: int) -> None:
        """Note that a lease wants something that was asked of nobody yet: that is not proven by what was."""
        for one in self._sources.open():
            for leases in one.provable.values():
                leases.discard(lease)

    def left(self, lease: int) -> None:
        """Note that a lease wants less, or nothing: what it was suspected of may still be what is refused."""
        for one in self._sources.open():
            one.is_excused = one.is_excused or lease in one.suspects

    def freed(self, gone: Iterable[Stream]) -> None:
        """Note that nobody wants `gone` any more; who wanted it may have been on trial."""
        self._asking.forget(gone)
        self.next()

    def next(self) -> bool:
        """Ask for the next lease that was set apart, if none is on trial."""
        probation, is_any = self._leases.probation, False
        while not probation.is_trying and (number := probation.next_trial()) is not None:
            is_any = True
            try:
                lease = self._leases.try_again(number)
            except LocalProtocolError as exc:
                self._convict(number, exc)
            else:
                self._silence.expect(number, lease.want, lease.open)
                if self._is_served():
                    probation.proven({number})
        return is_any

    def _is_served(self) -> bool:
        """Whether a request that is in force asks for the whole union: there is nothing to try then."""
        return any(
            one.in_force >= one.requests > 0 and one.coverage.plan(self._leases.union) is None
            for one in self._sources.open()
        )

    def _convict(self, number: int, error: ExchangeError | LocalProtocolError) -> None:
        lease, dropped = self._leases.get(number), self._leases.drop(number)
        if lease is None or dropped is None:
            return
        where = f"subscription of {', '.join(lease.want.codes) or 'everything'} ({lease.want.type})"
        text = f"{where} was dropped, {error}; nothing else is affected"
        failed = StreamError(text)
        failed.__cause__ = error  # for a client that is told in the exchange's own words
        self._out.append(Report(number, failed, True, tuple(lease.want.streams())))
        self._out.append(Unroute(number, None))
        self._silence.forget(number, lease.open)
        self._asking.forget(dropped.gone)
