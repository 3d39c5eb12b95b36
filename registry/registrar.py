"""Changes nodes: checks what was given, writes it, and hands it on. It blocks; see the service."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from threading import Lock
from time import perf_counter

from omninode.errors import BadInput, OmninodeError
from registry.backend import Backend, Outcome
from registry.checks import GivenNode, checked_node
from registry.counters import RegistrationCounters
from registry.debts import MOST_AWAITED, ON_ITS_WAY, Debts
from registry.discovery import Delivery
from registry.events import aged_event, events_of
from registry.models import ModelNodeRegistrationOutput
from registry.outcomes import failed, registered, registration, said_id
from registry.publishing import Publisher
from sql.node_rows import HealthReport, NodeRow, Registration

#: So many nodes are registered in one transaction.
_CHUNK = 2_000

#: Makes what brings changes to Consul, from the URL of the database that holds the outbox.
DeliveryFactory = Callable[[str | None], AbstractContextManager[Delivery | None]]


class Registrar:
    """Works on one backend, for any number of threads. The first call opens it."""

    def __init__(
        self,
        backend: Backend,
        make_delivery: DeliveryFactory,
        make_publisher: Callable[[], Publisher | None],
        counters: RegistrationCounters,
    ) -> None:
        self._backend = backend
        self._make_delivery = make_delivery
        self._make_publisher = make_publisher
        self._counters = counters
        self._lock = Lock()
        self._stack = ExitStack()
        self._debts: Debts | None = None
        self._publisher: Publisher | None = None
        backend.on_drained = self._hand_on

    def open(self) -> Debts:
        """Open the backend, and what hands changes on."""
        with self._lock:
            if self._debts is None:
                url = self._backend.open()
                delivery = self._stack.enter_context(self._make_delivery(url))
                self._debts = Debts(delivery, has_outbox=url is not None)
                self._stack.callback(self._debts.close)
                self._publisher = self._make_publisher()
                if self._publisher is not None:
                    self._stack.callback(self._publisher.close)
            return self._debts

    def open_publisher(self) -> Publisher:
        """Open all, and return what speaks to Kafka. Raises `BadInput` if that is not wanted."""
        self.open()
        if self._publisher is None:
            raise BadInput("this registry does not speak to Kafka: make it with enable_kafka=True")
        return self._publisher

    def status(self) -> dict[str, int]:
        """Return how many messages were published, and lost, if there is Kafka."""
        return {} if self._publisher is None else dict(self._publisher.status())

    def close(self) -> None:
        """Give back what was opened."""
        self._backend.close()
        self._stack.close()

    def register(self, given: Sequence[GivenNode]) -> list[ModelNodeRegistrationOutput]:
        """Register nodes, and answer for each. Of two with one id the later counts, and is the answer for both."""
        began = perf_counter()
        answers: dict[int, ModelNodeRegistrationOutput] = {}
        wanted: dict[str, Registration] = {}
        ids: dict[int, str] = {}
        for place, node in enumerate(given):
            try:
                checked = registration(checked_node(node))
            except BadInput as error:
                answers[place] = failed(said_id(node), str(error))
            else:
                ids[place] = checked.node_id
                wanted[checked.node_id] = checked
        found = self._register(list(wanted.values()))
        answers |= {place: found[node_id] for place, node_id in ids.items()}
        good = sum(answer.success for answer in answers.values())
        self._counters.note(successful=good, failed=len(given) - good, seconds=perf_counter() - began)
        return [answers[place] for place in range(len(given))]

    def deregister(self, node_id: str) -> bool:
        """Remove a node, and tell whether it was there."""
        self.open()
        (outcome,) = self._backend.deregister([node_id])
        self._hand_on([outcome])
        return outcome is not None

    def report_health(self, reports: Sequence[HealthReport]) -> list[bool]:
        """Keep what was said of nodes' health, and tell whether each is there. Consul gets each sign of life."""
        self.open()
        outcomes = self._backend.report_health(reports)
        self._hand_on(outcomes)
        return [outcome is not None for outcome in outcomes]

    def tell_aged(self, rows: Sequence[NodeRow]) -> None:
        """Tell Kafka of nodes whose health silence has changed, or its end; `current_health` is what it is now."""
        self.open()
        if self._publisher is not None:
            self._publisher.publish([aged_event(row) for row in rows])

    def _register(self, nodes: Sequence[Registration]) -> dict[str, ModelNodeRegistrationOutput]:
        answers: dict[str, ModelNodeRegistrationOutput] = {}
        for start in range(0, len(nodes), _CHUNK):
            chunk = nodes[start : start + _CHUNK]
            try:
                debts = self.open()
                outcomes = self._backend.register(chunk)
            except OmninodeError as error:
                answers |= {node.node_id: failed(node.node_id, str(error)) for node in chunk}
            else:
                answers |= self._answers(outcomes, debts)
        return answers

    def _answers(self, outcomes: Sequence[Outcome], debts: Debts) -> dict[str, ModelNodeRegistrationOutput]:
        wrong = self._hand_on(outcomes)
        awaited = len(outcomes) <= MOST_AWAITED
        return {
            outcome.node_id: registered(
                outcome,
                in_postgres=debts.has_outbox,
                is_wanted=debts.is_wanted,
                why=wrong.get(outcome.node_id, ON_ITS_WAY),
                is_awaited=awaited,
            )
            for outcome in outcomes
        }

    def _hand_on(self, outcomes: Sequence[Outcome | None]) -> dict[str, str | None]:
        """Tell service discovery and Kafka of changes; return why Consul does not have each node, None if it has."""
        if self._publisher is not None:
            self._publisher.publish(events_of(outcomes, datetime.now(UTC)))
        return {} if self._debts is None else self._debts.pay(outcomes)


__all__ = ["DeliveryFactory", "Registrar"]
