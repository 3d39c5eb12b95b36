"""What the registry asks of an agent. Everything raises errors of `registry.consul.errors`, and may be done twice."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from registry.consul.connection import Connection, consul_errors, twice
from registry.consul.errors import CannotRead, ConsulAway, ConsulDenied, ConsulRefused
from registry.consul.service import Service, check_id, check_notes
from registry.consul.settings import ConsulSettings

#: So many services are asked for one by one; of more, all are.
_FEW = 20


class ConsulClient:
    """Speaks to one agent. Any number of threads may use it; no call takes longer than the settings' timeouts."""

    def __init__(self, settings: ConsulSettings) -> None:
        self._address = settings.address
        self._connection = Connection(settings)

    def register(self, service: Service, *, status: str, ttl_seconds: int) -> None:
        """Make a service be as this one, whatever it was, with a check that fails after so many seconds of silence.

        The status is that of a new check; one that is there already keeps its own until `report` sets another.
        """
        check = {"CheckID": check_id(service.service_id), "ttl": f"{ttl_seconds}s", "Status": status}
        if service.registry_id is not None:
            check["Notes"] = check_notes(service.registry_id)
        self._ask(
            lambda: self._connection.agent.service.register(
                service.name,
                service_id=service.service_id,
                address=service.address,
                port=service.port,
                tags=list(service.tags),
                meta=dict(service.meta),
                check=check,
            )
        )

    def deregister(self, service_id: str) -> None:
        """Remove a service with its check; that there is none is as good."""
        try:
            self._ask(lambda: self._connection.agent.service.deregister(service_id))
        except ConsulRefused as error:
            if "unknown service" not in str(error).lower():
                raise

    def report(self, service_id: str, status: str, note: str = "") -> None:
        """Set the status of a service's check, and begin its time anew. Raises `UnknownCheck` if there is none."""
        checks = self._connection.agent.check
        tell = {"passing": checks.ttl_pass, "warning": checks.ttl_warn, "critical": checks.ttl_fail}[status]
        self._ask(lambda: tell(check_id(service_id), notes=note or None))

    def service(self, service_id: str) -> Service | None:
        """Return the agent's service of this id, None if there is none."""
        with consul_errors(self._address):
            _, told = twice(lambda: self._connection.get(f"/v1/agent/service/{service_id}"))
        return None if told is None else Service.told(told)

    def services(self) -> dict[str, Service]:
        """Return the agent's services by id. Raises `CannotRead` if there may be some that we do not see."""
        found = {name: Service.told(told) for name, told in self._ask(self._connection.agent.services).items()}
        if not found and not self._may_read():
            raise CannotRead(
                "Consul shows no services without a token that may read. Give CONSUL_HTTP_TOKEN service:read."
            )
        return found

    def statuses(self, registry_id: str, service_ids: Sequence[str] | None = None) -> dict[str, str]:
        """Return the status of each check that a registry has made, by the id of the service; others may be among them.

        Of few services only theirs are asked for.
        """
        wanted = f'Notes == "{check_notes(registry_id)}"'
        if service_ids is not None and len(service_ids) <= _FEW:
            wanted += f" and ({' or '.join(f'ServiceID == {json.dumps(name)}' for name in service_ids)})"
        _, told = self._ask(lambda: self._connection.get("/v1/agent/checks", {"filter": wanted}))
        return {check["ServiceID"]: check["Status"] for check in (told or {}).values()}

    def ping(self) -> None:
        """Return if the agent answers and belongs to a cluster that has a leader."""
        if not self._ask(self._connection.status.leader):
            raise ConsulAway(f"Consul at {self._address} has no leader. See that its servers run.")

    def close(self) -> None:
        """Close what is open to the agent."""
        self._connection.close()

    def _may_read(self) -> bool:
        asked = json.dumps([{"Resource": "service", "Access": "read"}])
        try:
            answers = self._ask(lambda: self._connection.post("/v1/internal/acl/authorize", asked))
        except ConsulDenied as error:
            # Without ACLs there is nothing to be allowed.
            return "disabled" in str(error)
        except ConsulRefused:
            # This agent does not tell; then we have to believe it.
            return True
        return bool(answers) and bool(answers[0]["Allow"])

    def _ask(self, call: Callable[[], Any]) -> Any:
        with consul_errors(self._address):
            answer = twice(call)
        if answer is False or answer is None:
            raise ConsulRefused(
                f"What answers at {self._address} does not know this request. Correct CONSUL_HTTP_ADDR."
            )
        return answer


__all__ = ["ConsulClient"]
