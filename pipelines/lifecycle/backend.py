"""Where a tracker's workflows are: in memory, or in Postgres on threads that leave the event loop free."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from threading import Lock
from typing import Any, Protocol, TypeVar

from ingest.lake import Lake, open_lake
from omninode.errors import BadInput
from omninode.settings import Settings
from pipelines.lifecycle.archive import archive_terminal, restore
from pipelines.lifecycle.committer import Committer
from pipelines.lifecycle.memory import MemoryStore
from pipelines.parts import postgres
from sql.connection import connect, open_pool
from sql.lifecycle_reports import LifecycleReports
from sql.lifecycle_rows import Command, ModelStateTransition, ModelWorkflowState, NewWorkflow, Outcome
from sql.lifecycle_store import LifecycleStore

Found = TypeVar("Found")

_READERS = 4


class Store(Protocol):
    """What both stores can do."""

    def begin(self, workflows: Sequence[NewWorkflow]) -> list[bool]:
        """Begin workflows, and tell of each whether it is new."""

    def apply(self, commands: Sequence[Command]) -> list[Outcome]:
        """Make transitions."""

    def get(self, workflow_id: Any) -> ModelWorkflowState | None:
        """Return where a workflow stands."""

    def history(self, workflow_id: Any) -> list[ModelStateTransition]:
        """Return every transition of a workflow."""

    def list_workflows(
        self,
        *,
        state: str | None = None,
        correlation_id: str | None = None,
        is_active: bool = False,
        limit: int | None = None,
    ) -> list[ModelWorkflowState]:
        """Return workflows."""


class Backend(Protocol):
    """What a tracker asks of its store."""

    async def move(self, command: Command) -> Outcome:
        """Make one transition."""

    async def move_parts(self, parts: Iterable[Sequence[Command]]) -> list[Outcome]:
        """Make many in one transaction, see `LifecycleStore.apply_parts`."""

    async def read(self, ask: Callable[[Store], Found]) -> Found:
        """Let the store do something."""

    async def clean_up(self, before: datetime) -> int:
        """Remove what has been at its end since before then."""

    async def metrics(self) -> dict[str, Any]:
        """Return the counts of `counts`."""

    async def report(self, ask: Callable[[LifecycleReports], Found]) -> Found:
        """Ask about all workflows together."""

    def close(self) -> None:
        """Give back what was opened."""


class InMemory:
    """A store in this process."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._store = MemoryStore(clock)

    async def move(self, command: Command) -> Outcome:
        """Make one transition."""
        return self._store.apply([command])[0]

    async def move_parts(self, parts: Iterable[Sequence[Command]]) -> list[Outcome]:
        """Make many."""
        return self._store.apply([command for part in parts for command in part])

    async def read(self, ask: Callable[[Store], Found]) -> Found:
        """Let the store do something."""
        return ask(self._store)

    async def clean_up(self, before: datetime) -> int:
        """Forget what has been at its end since before then."""
        with self._store.old_terminal(before, limit=2**31) as (workflows, _):
            return len(workflows)

    async def metrics(self) -> dict[str, Any]:
        """Return the counts of `counts`."""
        return metrics_of(*self._store.counts())

    async def report(self, ask: Callable[[LifecycleReports], Found]) -> Found:
        """Refuse."""
        raise BadInput("reports are made by Postgres; make the tracker with enable_postgres_persistence=True")

    def close(self) -> None:
        """Nothing was opened."""


class InPostgres:
    """A store in Postgres: moves share commits, everything else has a few threads and connections."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = ExitStack()
        self._opening = Lock()
        self._opened: tuple[LifecycleStore, Committer] | None = None
        self._executor = ThreadPoolExecutor(_READERS, thread_name_prefix="lifecycle-read")

    async def move(self, command: Command) -> Outcome:
        """Make one transition, in one commit with those of other callers that wait. An archived workflow comes back."""
        opened = self._opened
        if opened is None:
            opened = await self._in_thread(self._open)
        outcome = await opened[1].make(command)
        while outcome.from_state is None and await self._in_thread(lambda: self._restore([command])):
            outcome = await opened[1].make(command)
        return outcome

    async def move_parts(self, parts: Iterable[Sequence[Command]]) -> list[Outcome]:
        """Make many in one transaction; of workflows that come back from the archive in another one after it."""
        return await self._in_thread(lambda: self._move_parts(parts))

    async def read(self, ask: Callable[[Store], Found]) -> Found:
        """Let the store do something, on a thread."""
        return await self._in_thread(lambda: ask(self._open()[0]))

    async def clean_up(self, before: datetime) -> int:
        """Archive into the lake what has been at its end since before then, and remove it."""
        return await self._in_thread(lambda: self._archive(before))

    async def metrics(self) -> dict[str, Any]:
        """Return the counts of `counts`."""
        return await self.report(counts)

    async def report(self, ask: Callable[[LifecycleReports], Found]) -> Found:
        """Ask about all workflows together, on a thread."""
        return await self._in_thread(lambda: ask(LifecycleReports(self._open()[0].source)))

    def close(self) -> None:
        """Disconnect, and stop what was started for us."""
        self._executor.shutdown()
        self._opened = None
        self._stack.close()

    async def _in_thread(self, work: Callable[[], Found]) -> Found:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def _archive(self, before: datetime) -> int:
        return archive_terminal(self._open()[0], self._lake(), before)

    def _move_parts(self, parts: Iterable[Sequence[Command]]) -> list[Outcome]:
        store, commands = self._open()[0], list[Command]()
        outcomes = store.apply_parts(_noted(parts, commands))
        unknown = [place for place, outcome in enumerate(outcomes) if outcome.from_state is None]
        if unknown and self._restore([commands[place] for place in unknown]):
            for place, outcome in zip(unknown, store.apply([commands[place] for place in unknown]), strict=True):
                outcomes[place] = outcome
        return outcomes

    def _restore(self, commands: Sequence[Command]) -> bool:
        """Bring their workflows back from the archive; False if none of them is there."""
        store = self._open()[0]
        places = store.places_of([command.workflow_id for command in commands])
        return bool(places) and restore(store, self._lake(), places) > 0

    def _lake(self) -> Lake:
        return open_lake(self._settings.lake, self._settings.lake_options)

    def _open(self) -> tuple[LifecycleStore, Committer]:
        with self._opening:
            if self._opened is None:
                with ExitStack() as stack:
                    url = stack.enter_context(postgres(self._settings))
                    store = LifecycleStore(stack.enter_context(open_pool(url, max_size=_READERS)))
                    committer = Committer(_Writer(stack, url).apply)
                    stack.callback(committer.close)
                    self._stack = stack.pop_all()
                self._opened = store, committer
            return self._opened


def _noted(parts: Iterable[Sequence[Command]], commands: list[Command]) -> Iterator[Sequence[Command]]:
    """Pass the parts on, and note what is in them."""
    for part in parts:
        commands.extend(part)
        yield part


class _Writer:
    """The connection that makes transitions; one that was lost is opened anew for the next."""

    def __init__(self, stack: ExitStack, url: str) -> None:
        self._url = url
        self._connection = connect(url)
        stack.callback(lambda: self._connection.close())

    def apply(self, commands: Sequence[Command]) -> list[Outcome]:
        """Make transitions."""
        if self._connection.closed:
            self._connection = connect(self._url)
        return LifecycleStore(self._connection).apply(commands)


def counts(reports: LifecycleReports) -> dict[str, Any]:
    """Return transitions made and refused, workflows, active ones, and those by state, as the tables have them."""
    states: Counter[str] = Counter()
    active = 0
    for row in reports.count_states():
        states[row["current_state"]] += row["workflows"]
        active += 0 if row["is_terminal"] else row["workflows"]
    made = {True: 0, False: 0}
    for row in reports.count_transitions():
        made[row["accepted"]] += row["transitions"]
    return metrics_of(states, active, made[True], made[False])


def metrics_of(states: Counter[str], active: int, accepted: int, rejected: int) -> dict[str, Any]:
    """Return the counts under their names."""
    return {
        "workflow_state_transitions_total": accepted,
        "rejected_transitions_total": rejected,
        "workflows_total": states.total(),
        "active_workflows_count": active,
        "active_workflows": active,
        "workflow_state_count": dict(sorted(states.items())),
    }
