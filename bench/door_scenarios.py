"""The scenarios of a door that older code has not: a host that computes, programs at its door, those that do not read.

As in `processes.py`, rounds are interleaved: each has one run of everything that is compared.
"""

from .crowd import measure_delay, measure_door, measure_door_delay
from .plan import Plan, Result, Say
from .statistic import quantile, spread

__all__ = ["busy", "network", "slow"]

# How a program gets its messages: the format that it asks for, and whether it is deflated. The exchange sends SIMPLE.
FORMS = {
    "as they come": ("SIMPLE", False),
    "converted": ("DEFAULT", False),
    "as they come, deflated": ("SIMPLE", True),
    "converted, deflated": ("DEFAULT", True),
}


def busy(plan: Plan, say: Say) -> Result:
    """(e) From the sender's `send` to a guest's callback, while a callback of the host's computes, and while none."""
    found: dict[str, list[list[float]]] = {"host": [], "busy host": []}
    for turn in range(plan.busy_rounds):
        for host, runs in found.items():
            say(f"a {host} of {plan.busy_guests} guests, round {turn + 1} of {plan.busy_rounds}")
            members = [host, *["guest"] * plan.busy_guests]
            _, *guests = measure_delay(members, rate=plan.busy_rate, seconds=plan.busy_seconds, is_pinned=False)
            runs.append(sorted(delay for delays, _ in guests for delay in delays))
    return {
        "guests": plan.busy_guests,
        "rate": plan.busy_rate,
        "hosts": {host: _delay(runs) for host, runs in found.items()},
    }


def network(plan: Plan, say: Say) -> Result:
    """(f) CPU time of a message in the host, for each program at its door."""
    rate, burst = plan.network_load
    alone: list[float] = []
    found: dict[str, dict[int, list[float]]] = {form: {clients: [] for clients in plan.clients} for form in FORMS}
    for turn in range(plan.network_rounds):
        for clients in (0, *plan.clients):
            for form, (format_, is_deflated) in FORMS.items() if clients else [("", ("SIMPLE", False))]:
                say(f"{clients} programs, messages {form}, round {turn + 1} of {plan.network_rounds}")
                host, _ = measure_door(
                    clients,
                    form=format_,
                    is_deflated=is_deflated,
                    rate=rate,
                    burst=burst,
                    seconds=plan.network_seconds,
                )
                (found[form][clients] if clients else alone).append(host["cpu_seconds"] / host["messages"] * 1e6)
    return {
        "load": f"{rate:g} by {burst}",
        "alone_us": spread(alone)._asdict(),
        "forms": {
            form: {str(clients): _share(clients, ones, alone) for clients, ones in by_clients.items()}
            for form, by_clients in found.items()
        },
    }


def _share(clients: int, ones: list[float], alone: list[float]) -> Result:
    shares = [(one - base) / clients for one, base in zip(ones, alone, strict=True)]
    return {"host_us": spread(ones)._asdict(), "host_us_each": spread(shares)._asdict()}


def slow(plan: Plan, say: Say) -> Result:
    """(g) From the sender's `send` to a program's socket, while some others read nothing, and while there are none."""
    readers = plan.slow_clients - plan.deaf_clients
    found: dict[int, list[list[float]]] = {0: [], plan.deaf_clients: []}
    behind: list[int] = []
    for turn in range(plan.slow_rounds):
        for deaf, runs in found.items():
            say(f"{readers} programs that read and {deaf} that do not, round {turn + 1} of {plan.slow_rounds}")
            delays, server = measure_door_delay(readers, deaf, rate=plan.slow_rate, seconds=plan.slow_seconds)
            runs.append(sorted(delays))
            if deaf:
                behind.append(server["behind"])
    return {
        "readers": readers,
        "rate": plan.slow_rate,
        "behind": min(behind),
        "deaf": {str(deaf): _delay(runs) for deaf, runs in found.items()},
    }


def _delay(runs: list[list[float]]) -> Result:
    return {
        "p50": spread([quantile(run, 0.5) * 1e6 for run in runs])._asdict(),
        "p99": spread([quantile(run, 0.99) * 1e6 for run in runs])._asdict(),
    }
