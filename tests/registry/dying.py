"""A process that lets the relay, then the reconciliation, be killed before each of their steps in turn.

`python -m tests.registry.dying POSTGRES_URL CONSUL_ADDRESS` prints how often each of them was killed. A step is a
statement in Postgres or a request to Consul. After each death the next one has to make all good.
"""

import os
import signal
import sys
from collections.abc import Callable
from itertools import count
from typing import Any

import urllib3

from registry.checks import checked_node
from registry.consul.delivery import ConsulDelivery
from registry.consul.service import service_of
from registry.consul.settings import ConsulSettings
from registry.outcomes import registration
from registry.reconcile import Reconciler
from sql.connection import connect
from sql.connections import Connections
from sql.node_store import NodeStore
from tests.registry.nodes import node

Work = Callable[[ConsulDelivery], None]


def main(url: str, address: str) -> None:
    """Kill both wherever they can be killed."""
    settings = ConsulSettings.read({"CONSUL_HTTP_ADDR": address})
    for name, spoil, work in (("relay", _change, _relay), ("reconciliation", _damage, _reconcile)):
        for place in count():
            with ConsulDelivery(settings, url) as delivery:
                wanted = spoil(delivery, url, place)
            if not _dies(lambda: ConsulDelivery(settings, url), work, place):
                break
            with ConsulDelivery(settings, url) as delivery:
                _make_due(url)
                work(delivery)
                _check(delivery, wanted, f"{name} killed before step {place}")
        print(name, place, flush=True)


def _dies(make: Callable[[], ConsulDelivery], work: Work, place: int) -> bool:
    """Let a child work, killed before this step; return False if there are not so many."""
    child = os.fork()
    if child == 0:
        _kill_before(place)
        with make() as delivery:
            work(delivery)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL), f"step {place}: the child ended with {status}"
    return status != 0


def _kill_before(place: int) -> None:
    steps = count()

    def counted(do: Callable[..., Any]) -> Callable[..., Any]:
        def step(*given: Any, **more: Any) -> Any:
            if next(steps) == place:
                os.kill(os.getpid(), signal.SIGKILL)
            return do(*given, **more)

        return step

    Connections.run = counted(Connections.run)  # type: ignore[method-assign]
    urllib3.HTTPConnectionPool.urlopen = counted(urllib3.HTTPConnectionPool.urlopen)  # type: ignore[method-assign]


def _change(delivery: ConsulDelivery, url: str, place: int) -> set[str]:
    """Change a node, make one, and remove the one before, as if by a process that died before it told Consul."""
    assert delivery.connections is not None
    store = NodeStore(delivery.connections)
    given = [node("stays", version=f"1.0.{place}"), node(f"new-{place}")]
    store.register([registration(checked_node(one)) for one in given])
    store.deregister([f"new-{place - 1}"])
    _make_due(url)
    return {"stays", f"new-{place}"}


def _damage(delivery: ConsulDelivery, url: str, place: int) -> set[str]:
    """Let Consul lose a node, have another content, another health, and one that is not registered any more."""
    assert delivery.connections is not None
    names = ["ill", "lost", "other"]
    NodeStore(delivery.connections).register([registration(checked_node(node(name))) for name in names])
    rows = delivery.require_outbox().nodes()
    _make_due(url)
    _relay(delivery)
    client, registry_id = delivery.sender.client, delivery.sender.registry_id
    row = next(row for row in rows if row["node_id"] == "other")
    for name, version in (("other", "0.9.0"), (f"orphan-{place}", "1.0.0")):
        spoiled = service_of({**row, "node_id": name, "version": version}, registry_id)
        client.register(spoiled, status="passing", ttl_seconds=180)
    client.report("ill", "critical")
    client.deregister("lost")
    return {row["node_id"] for row in rows}


def _relay(delivery: ConsulDelivery) -> None:
    while delivery.relay.step():
        pass


def _reconcile(delivery: ConsulDelivery) -> None:
    Reconciler(delivery).run()


def _make_due(url: str) -> None:
    """Let the time pass for which a change is left to whoever made it, or took it."""
    with connect(url) as database:
        database.execute("UPDATE registry_outbox SET next_attempt_at = now()")


def _check(delivery: ConsulDelivery, wanted: set[str], when: str) -> None:
    plan = Reconciler(delivery).look()
    assert (set(plan.equal), plan.consistency) == (wanted, 1.0), f"{when}: {plan}"
    assert delivery.require_outbox().count() == 0, when


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
