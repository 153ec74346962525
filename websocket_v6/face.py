"""What both faces of a component have in common: `proxy.py`, which waits, and `aio/proxy.py`, which is waited for.

Here is what a call does, as steps (`steps.py`); a face says how they are run, and what a subscription looks like.
"""

import threading
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

import pykka

from .actors.delivery.edge import Callback, Edge
from .actors.forks import in_child, no_fork
from .actors.future import Future
from .actors.jwt import Keys, ReplaceKeys
from .actors.messages.registry import AskExchange
from .arguments import caller, check_callable, check_count, check_seconds
from .component import CALLBACK_TIMEOUT, Component, Held, Place
from .ending import Stop
from .handle import Handle
from .options import Options, PublicOptions, Settings
from .protocol.config import Config
from .protocol.errors import ClosedError, ConfigError, LocalProtocolError, SnapshotTimeoutError, TransportError
from .protocol.events import ConnectionEvent, Event, Markets, MarketsEvent, OverflowEvent
from .protocol.exchange.codes import check_quote
from .protocol.exchange.heads import SubscriptionList
from .protocol.exchange.wants import ENDPOINTS
from .steps import Answer, Steps
from .wanted import Wanted, load

if TYPE_CHECKING:
    from .health import Health
    from .recording import Recording

__all__ = ["LIST_TIMEOUT", "MARKETS_TIMEOUT", "READY_TIMEOUT", "Face"]

LIST_TIMEOUT = 10.0
READY_TIMEOUT = 10.0
MARKETS_TIMEOUT = 10.0

E = TypeVar("E", bound=Event)


class Face:
    """One component of a program: its part in the engine, once there is any, and what it asks of it."""

    _awaits: ClassVar[bool]  # callbacks may be `async def`

    def __init__(self, component_id: str, *, config: Config | None = None) -> None:
        self.component_id = component_id
        self._component: Component | None = None
        self._held = Held()
        self._is_closed = False  # all that `repr` needs comes first: who shows a traceback may show what failed
        if not isinstance(component_id, str) or not component_id:
            raise LocalProtocolError(f"component_id={component_id!r:.60} must be a name, such as 'my_chart'")
        if not isinstance(config, Config | None):  # not shown: it may hold keys
            raise ConfigError(f"config is of type {type(config).__name__}: give a Config, such as Config(region='kr')")
        self._config = Config.from_env() if config is None else config
        self._made_at = caller()
        self._recordings: list[Recording] = []
        self._finalizer: weakref.finalize[Any, Any] | None = None
        # Two may make the first call at once: one of them starts the component, the others wait for that.
        self._starting = threading.Lock()
        self._begun: Future[None] | None = None
        in_child(self)

    def __reduce__(self) -> Any:
        raise TypeError(
            "a WebSocketClientProxy stays in its process and is not copied: make one in the child, with the same Config"
        )

    def __repr__(self) -> str:
        state = "closed" if self._is_closed else f"{len(self._edges)} subscriptions"
        return f"<WebSocketClientProxy {self.component_id!r}, {state}>"

    @property
    def _stop(self) -> Stop:
        return self._held.stop

    # --- what a call says

    def _settings(
        self, callback: Callback | None, options: Options | PublicOptions, *, private: bool = False
    ) -> Settings:
        resumes = bool(self._config.fleet_resume)
        chosen = cast(Mapping[str, Any], options)
        return Settings(callback, chosen, private=private, awaits=self._awaits, resumes=resumes)

    @property
    def _edges(self) -> list[Edge]:
        component = self._component
        return [] if component is None else component.edges

    # --- what it does

    def _subscribed(self, wanted: Wanted[E]) -> Steps[tuple[Component, Edge]]:
        load(wanted.want)
        component = yield from self._engaged()
        if wanted.is_private:
            yield from component.check_keys(wanted.want.type)
        return component, (yield from component.subscribe(wanted.want, wanted.settings))

    def _snapshot_taken(self, wanted: Wanted[E], timeout: float) -> Steps[list[E]]:
        check_seconds("timeout", timeout)
        component = yield from self._engaged()
        with no_fork():
            from .snapshots import take_snapshot
        return (yield from take_snapshot(component, wanted, timeout))

    def _newest(self, wanted: Wanted[E]) -> Steps[E | None]:
        with no_fork():
            from .newest import newest
        return (yield from newest((yield from self._engaged()), wanted))

    def _data_awaited(self, timeout: float) -> Steps[None]:
        check_seconds("timeout", timeout)
        with no_fork():
            from .newest import await_data
        yield from await_data((yield from self._engaged()), timeout)

    def _listed(self, endpoint: str, timeout: float) -> Steps[SubscriptionList]:
        if endpoint not in ENDPOINTS:
            raise LocalProtocolError(f"endpoint={endpoint!r:.60} is not known: choose {', '.join(ENDPOINTS)}")
        check_seconds("timeout", timeout)
        component = yield from self._engaged()
        answer: Future[SubscriptionList] = Future()
        yield from component.link.ask_registry(AskExchange(endpoint, answer))
        try:
            listed: SubscriptionList = yield Answer(answer, timeout)
        except pykka.Timeout as exc:
            standing = component.standing.describe(endpoint)
            text = f"the exchange did not list its subscriptions within {timeout:g} s: {standing}"
            raise TransportError(text) from exc
        return listed

    def _unsubscribed(self, subscription: object, kind: type[Handle[Any]]) -> Steps[None]:
        if not isinstance(subscription, kind):
            raise LocalProtocolError(
                f"subscription={subscription!r:.60} is none: give what subscribe_... returned, or use unsubscribe_all()"
            )
        yield from subscription._component.close(subscription._edge)

    def _all_unsubscribed(self) -> Steps[None]:
        component = self._component
        for edge in self._edges:
            if component is not None:
                yield from component.close(edge)

    def _keys_replaced(self, keys: Keys) -> Steps[None]:
        self._config.check_secrecy()
        component = yield from self._engaged()
        yield from component.link.ask(lambda children: children.jwt, ReplaceKeys(keys))

    def _gathered(self) -> Steps["Health"]:
        with no_fork():
            from .health import gather
        return (yield from gather((yield from self._engaged())))

    def _is_open(self, endpoint: str) -> Steps[bool]:
        with no_fork():
            from .health import is_open
        component = self._component
        return component is not None and (yield from is_open(component, endpoint))

    def _connections_told(self, callback: Callable[[ConnectionEvent], object]) -> Steps[None]:
        check_callable("callback", callback, awaits=self._awaits)
        (yield from self._engaged()).on_connection(callback)

    def _overflows_told(self, callback: Callable[[OverflowEvent], object]) -> Steps[None]:
        check_callable("callback", callback, awaits=self._awaits)
        (yield from self._engaged()).on_overflow(callback)

    def _markets_told(self, callback: Callable[[MarketsEvent], object]) -> Steps[None]:
        check_callable("callback", callback, awaits=self._awaits)
        (yield from self._engaged()).on_markets(callback)

    def _markets_listed(self, quote: str, timeout: float) -> Steps[Markets]:
        checked = check_quote(quote)
        check_seconds("timeout", timeout)
        component = yield from self._engaged()
        try:
            return (yield from component.markets(checked, timeout))
        except SnapshotTimeoutError as exc:
            with no_fork():
                from .health import lists_problem
            problem = yield from lists_problem(component)
            raise SnapshotTimeoutError(f"{exc}: {problem}" if problem else str(exc)) from None

    def _recorded(
        self,
        path: str | Path,
        rotate_bytes: int | None,
        rotate_seconds: float | None,
        error_handler: Callable[[Exception], object] | None,
    ) -> Steps["Recording"]:
        if not isinstance(path, str | Path) or not str(path):
            raise LocalProtocolError(f"path={path!r:.80} makes no sense: give that of a new file, such as 'day.wsr'")
        if rotate_bytes is not None:
            check_count("rotate_bytes", rotate_bytes)
        if rotate_seconds is not None and not check_seconds("rotate_seconds", rotate_seconds):
            raise LocalProtocolError("rotate_seconds=0 makes no sense: give seconds above 0")
        if error_handler is not None:
            check_callable("error_handler", error_handler)
        if self._config.recording is not None:
            raise LocalProtocolError("this component plays a recording: there is nothing to record")
        component = yield from self._engaged()
        wants = [edge.want for edge in component.edges]
        if not wants:
            raise LocalProtocolError("nothing is subscribed to: a recording has what its component subscribed to")
        with no_fork():
            from .actors.recording.recorder import Rotation
            from .recording import Recording
        rotation = Rotation(rotate_bytes, rotate_seconds)
        recording = Recording(
            Path(path),
            wants,
            self._config,
            rotation,
            quotes=component.quotes,
            error_handler=error_handler,
            begins=False,
        )
        yield from recording.begin()
        self._recordings.append(recording)
        component.records(recording.progress)
        return recording

    def _is_ready(self) -> Steps[None]:
        """Have a recording played, if that is what the engine does: this thread is not going to pull."""
        if self._config.recording is None or self._is_closed:
            return
        stage = (yield from self._engaged()).link.stage
        if stage is not None:
            stage.readers.leaves(stage.reader())
            stage.begin()

    def _ended(self, timeout: float = CALLBACK_TIMEOUT) -> Steps[None]:
        self._is_closed = True
        component, self._component = self._component, None
        if self._finalizer is not None:
            self._finalizer.detach()
        try:
            while self._recordings:
                yield from self._recordings.pop().ended()
            if component is not None:
                yield from component.end(timeout)
        finally:
            self._stop.set()

    # --- inside

    def _place(self) -> Place:
        """Say where the component's callbacks are called."""
        raise NotImplementedError

    def _engaged(self) -> Steps[Component]:
        """Return this component's part in the engine, starting both if need be."""
        while True:
            with self._starting:
                self._check_open()
                if self._component is not None:
                    return self._component
                begun = self._begun
                if begun is None:
                    self._begun = Future()
            if begun is None:
                return (yield from self._begin())
            yield Answer(begun)

    def _begin(self) -> Steps[Component]:
        begun = self._begun
        try:
            place = self._place()
            component = yield from Component.begin(self.component_id, self._config, self._held, self._made_at, place)
            self._component = component
            # Collected without cleanup, the component is ended where its callbacks are called.
            self._finalizer = weakref.finalize(self, component.leave_soon)
            self._finalizer.atexit = False
        finally:
            self._begun = None
            if begun is not None:
                begun.set()
        if self._is_closed:  # another one cleaned up meanwhile, and may have found nothing
            yield from self._ended()
            self._check_open()
        return component

    def _check_open(self) -> None:
        if self._is_closed:
            raise ClosedError(f"component {self.component_id!r} is closed: make a new WebSocketClientProxy")

    def _after_fork(self) -> None:
        # The parent's engine is not here, nor is whoever may have held the lock.
        self._starting = threading.Lock()
        self._begun = None
        self._component = None
        self._recordings = []
        stop, self._held = self._stop, Held()
        if self._is_closed:
            self._held.stop = stop
        if self._finalizer is not None:
            self._finalizer.detach()
