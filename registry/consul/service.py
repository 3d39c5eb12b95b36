"""What a node is in Consul: pure, from its row."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from registry.enums import EnumHealthStatus

#: What Consul takes: so long values, so many keys, and a label of the DNS.
_MAX_VALUE = 512
_MAX_ENDPOINTS = 40
_MAX_LABEL = 63

_PORTS = {"http": 80, "https": 443, "grpc": 80, "grpcs": 443, "ws": 80, "wss": 443}
_STATUS = {EnumHealthStatus.DEGRADED: "warning", EnumHealthStatus.UNHEALTHY: "critical"}

#: These may differ between two that are equal.
_NOT_CONTENT = frozenset({"revision", "content_hash", "registry_id"})


@dataclass(frozen=True, slots=True)
class Service:
    """One service of an agent, as it is or as it should be. `meta["registry_id"]` says whose it is."""

    service_id: str
    name: str
    tags: tuple[str, ...]
    meta: Mapping[str, str]
    address: str
    port: int

    def content_hash(self) -> str:
        """Return the same for services that are equal to whoever looks them up."""
        meta = {name: value for name, value in self.meta.items() if name not in _NOT_CONTENT}
        content = [self.service_id, self.name, sorted(self.tags), meta, self.address, self.port]
        return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]

    @property
    def registry_id(self) -> str | None:
        """Return which registry it belongs to."""
        return self.meta.get("registry_id")

    @classmethod
    def told(cls, told: Mapping[str, Any]) -> "Service":
        """Read a service as an agent lists it."""
        return cls(
            told["ID"],
            told["Service"],
            tuple(told.get("Tags") or ()),
            dict(told.get("Meta") or {}),
            told.get("Address") or "",
            told.get("Port") or 0,
        )


def service_of(node: Mapping[str, Any], registry_id: str) -> Service:
    """Return the service of a node, from its row.

    >>> row = {"node_id": "n-1", "node_name": "PostgresCRUD effect", "node_type": "effect", "version": "1.0.0",
    ...     "capabilities": [{"name": "crud"}], "endpoints": {"api": {"url": "http://10.0.0.1/"}}, "ttl_seconds": 90,
    ...     "revision": 7}
    >>> made = service_of(row, "r")
    >>> made.name, made.tags, made.address, made.port
    ('postgres-crud-effect', ('type:effect', 'version:1.0.0', 'capability:crud'), '10.0.0.1', 80)
    """
    address, port = _place(node["endpoints"] or {})
    bare = Service(
        service_id=node["node_id"],
        name=service_name(node["node_name"]),
        tags=(
            f"type:{node['node_type']}",
            f"version:{node['version']}",
            *(f"capability:{capability['name']}" for capability in node["capabilities"] or ()),
        ),
        meta=_meta(node),
        address=address,
        port=port,
    )
    marks = {"content_hash": bare.content_hash(), "registry_id": registry_id, "revision": str(node["revision"])}
    return Service(bare.service_id, bare.name, bare.tags, {**bare.meta, **marks}, address, port)


def service_name(node_name: str) -> str:
    """Return a name that the DNS can look up; of one that has to be cut, the end tells it from others.

    >>> service_name("NodePostgresCRUD_v2"), service_name("Größe")
    ('node-postgres-crud-v2', 'gr-e')
    """
    words = re.findall(r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z0-9]+|[0-9]+", node_name)
    label = "-".join(words).lower() or "node"
    if len(label) <= _MAX_LABEL:
        return label
    mark = sha256(node_name.encode()).hexdigest()[:8]
    return f"{label[: _MAX_LABEL - 9].rstrip('-')}-{mark}"


def status_of(health: str) -> str:
    """Return what Consul calls this health: a node of which nothing is known yet is let pass.

    >>> [status_of(health) for health in EnumHealthStatus]
    ['passing', 'warning', 'critical', 'passing']
    """
    return _STATUS.get(EnumHealthStatus(health), "passing")


def check_id(service_id: str) -> str:
    """Return the id of the check that a node's heartbeats keep alive.

    >>> check_id("n-1")
    'service:n-1'
    """
    return f"service:{service_id}"


def check_notes(registry_id: str) -> str:
    """Return what the checks of a registry's nodes bear, so that they can be told apart from all others.

    >>> check_notes("5d0c")
    'registry 5d0c'
    """
    return f"registry {registry_id}"


def check_seconds(ttl_seconds: int) -> int:
    """Return after how many seconds of silence Consul fails a node: then the registry calls it unhealthy, too."""
    return 2 * ttl_seconds


def _meta(node: Mapping[str, Any]) -> dict[str, str]:
    meta = {
        "node_name": node["node_name"],
        "node_type": node["node_type"],
        "version": node["version"],
        "ttl_seconds": str(node["ttl_seconds"]),
    }
    for name, endpoint in sorted((node["endpoints"] or {}).items())[:_MAX_ENDPOINTS]:
        key = "endpoint_" + re.sub(r"[^A-Za-z0-9_-]", "_", name)[:80]
        if len(endpoint["url"]) <= _MAX_VALUE:
            meta[key] = endpoint["url"]
    return meta


def _place(endpoints: Mapping[str, Any]) -> tuple[str, int]:
    """Return host and port of the first endpoint, by name, that tells both; else nothing, which is the agent's own."""
    for _, endpoint in sorted(endpoints.items()):
        parts = urlsplit(endpoint["url"])
        port = parts.port or _PORTS.get(parts.scheme)
        if parts.hostname and port:
            return parts.hostname, port
    return "", 0


__all__ = ["Service", "check_id", "check_notes", "check_seconds", "service_name", "service_of", "status_of"]
