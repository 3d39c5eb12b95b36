"""Registers the nodes that say on Kafka what they are."""

import asyncio
import json
import logging
from collections.abc import Sequence
from threading import Event, Thread
from typing import Any, Self

from omninode.errors import BadInput, OmninodeError
from registry.checks import checked_node
from registry.models import ModelNodeIntrospection
from registry.registrar import Registrar

_LOG = logging.getLogger(__name__)


class NotRegisteredYet(OmninodeError):
    """A good node could not be registered, and has to be tried again."""


def register_introspections(registrar: Registrar, values: Sequence[bytes]) -> None:
    """Register the nodes of these messages. What is no node is logged and left out.

    Raises `NotRegisteredYet` if a part failed.
    """
    nodes = [node for node in map(_node, values) if node is not None]
    for answer in registrar.register(nodes):
        if not answer.success:
            raise NotRegisteredYet(str(answer.error_message))


def _node(value: bytes) -> ModelNodeIntrospection | None:
    """A message is a registration, or an event that has one as `node`, `payload` or `node_introspection`."""
    try:
        said = json.loads(value)
        return checked_node(_inner(said))
    except (ValueError, RecursionError) as error:
        _LOG.warning("A message about a node is no JSON: %s", type(error).__name__)
    except BadInput as error:
        _LOG.warning("A message about a node was refused: %s", error)
    return None


def _inner(said: Any) -> Any:
    if isinstance(said, dict):
        for name in ("node", "payload"):
            if isinstance(said.get(name), dict):
                return said[name]
    return said


class FollowsIntrospections:
    """While it is entered, a thread registers what nodes say about themselves."""

    def __init__(self, registrar: Registrar) -> None:
        self._registrar = registrar
        self._stop = Event()
        self._thread: Thread | None = None

    def __enter__(self) -> Self:
        publisher = self._registrar.open_publisher()
        self._thread = Thread(
            target=publisher.follow,
            args=(lambda values: register_introspections(self._registrar, values), self._stop),
            name="registry-introspections",
            daemon=True,
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.__exit__)


__all__ = ["FollowsIntrospections", "NotRegisteredYet", "register_introspections"]
