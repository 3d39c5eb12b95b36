"""What differs between Postgres and Consul: pure, from the content of both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from registry.consul.sender import health_of
from registry.consul.service import Service, service_of, status_of


@dataclass(frozen=True, slots=True)
class Plan:
    """The ids of what is to be done in Consul, each in one place only, in order; and of those that are equal.

    `register`: missing there. `update`: there with another content. `health`: there with another health only.
    `remove`: ours by the registry's id, but not registered any more. `foreign`: there somebody else has that id; it is
    left alone.
    """

    register: tuple[str, ...]
    update: tuple[str, ...]
    health: tuple[str, ...]
    remove: tuple[str, ...]
    equal: tuple[str, ...]
    foreign: tuple[str, ...] = ()

    @property
    def consistency(self) -> float:
        """Return the share of the nodes in either that are equal in both; 1 if there are none.

        >>> Plan(("a",), (), (), ("b",), ("c", "d")).consistency
        0.5
        """
        differing = sum(map(len, (self.register, self.update, self.health, self.remove, self.foreign)))
        return len(self.equal) / (len(self.equal) + differing) if self.equal or differing else 1.0


def make_plan(
    nodes: Sequence[Mapping[str, Any]],
    services: Mapping[str, Service],
    statuses: Mapping[str, str],
    registry_id: str,
) -> Plan:
    """Compare the rows of nodes with an agent's services and the status of their checks, each by id.

    `statuses` are those of the checks that are ours. A service is ours only if it bears our id.
    """
    found: dict[str, list[str]] = {"register": [], "update": [], "health": [], "equal": [], "foreign": []}
    for node in sorted(nodes, key=lambda node: str(node["node_id"])):
        node_id = node["node_id"]
        found[_verdict(node, services.get(node_id), statuses.get(node_id), registry_id)].append(node_id)
    known = {node["node_id"] for node in nodes}
    orphans = [name for name, one in services.items() if one.registry_id == registry_id and name not in known]
    return Plan(remove=tuple(sorted(orphans)), **{name: tuple(ids) for name, ids in found.items()})


def _verdict(node: Mapping[str, Any], there: Service | None, status: str | None, registry_id: str) -> str:
    if there is None:
        return "register"
    if there.registry_id != registry_id:
        return "foreign"
    wanted = service_of(node, registry_id)
    if status is None or there.content_hash() != wanted.content_hash():
        return "update"
    return "equal" if status == status_of(health_of(node)) else "health"


__all__ = ["Plan", "make_plan"]
