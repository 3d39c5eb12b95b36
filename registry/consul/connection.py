"""python-consul2 as we use it: told what to do by its arguments alone, never waiting without end."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from consul import base
from urllib3 import exceptions

from registry.consul.errors import ConsulAway, ConsulDenied, ConsulRefused, UnknownCheck
from registry.consul.http import Http
from registry.consul.settings import ConsulSettings


class Connection(base.Consul):  # type: ignore[misc]
    """A connection to one agent. Threads may share it, but for a blocking query, which wants one of its own.

    The library's own constructor is left out: it lets CONSUL_HTTP_ADDR and CONSUL_HTTP_TOKEN of this process overrule
    its arguments, and fails on addresses that it cannot take apart.
    """

    def __init__(self, settings: ConsulSettings, *, answer_seconds: float | None = None) -> None:
        connect, answer = settings.timeout_seconds
        self.http = Http(settings, (connect, answer_seconds or answer))
        self.token = settings.token
        self.scheme = settings.scheme
        self.consistency = "default"
        self.dc = None
        self.agent = base.Consul.Agent(self)
        self.health = base.Consul.Health(self)
        self.status = base.Consul.Status(self)

    def get(self, path: str, params: Mapping[str, str] | None = None) -> tuple[str, Any]:
        """Return the index and the JSON of the answer; None if there is no such thing."""
        return cast("tuple[str, Any]", self.http.get(_indexed, path, params=params, headers=self._headers()))

    def post(self, path: str, body: str) -> Any:
        """Send JSON, and return the JSON of the answer."""
        return self.http.post(base.CB.json(), path, data=body, headers=self._headers())

    def close(self) -> None:
        """Close what is open to the agent."""
        self.http.close()

    def _headers(self) -> dict[str, str]:
        return {"X-Consul-Token": self.token} if self.token else {}


def _indexed(response: Any) -> tuple[str, Any]:
    found = None if response.code == 404 else base.CB.json()(response)
    return response.headers.get("X-Consul-Index", "0"), found


@contextmanager
def consul_errors(address: str) -> Iterator[None]:
    """Turn an error of the library, or of what it is built on, into one of ours."""
    try:
        yield
    except exceptions.HTTPError as error:
        raise ConsulAway(
            f"Consul at {address} {_why(error)}. Start that agent, or correct CONSUL_HTTP_ADDR."
        ) from error
    except (base.ACLPermissionDenied, base.ACLDisabled) as error:
        raise ConsulDenied(
            f"Consul denies this: {_line(error)}. Give CONSUL_HTTP_TOKEN service:write and service:read."
        ) from error
    except base.ConsulException as error:
        said = _line(error)
        kind = UnknownCheck if "does not have associated TTL" in said or "Unknown check" in said else ConsulRefused
        raise kind(f"Consul refuses: {said}.") from error
    except ValueError as error:
        raise ConsulAway(f"What answers at {address} is not Consul. Correct CONSUL_HTTP_ADDR.") from error


def twice(call: Callable[[], Any]) -> Any:
    """Make a call, and once more if the connection broke: a restarted agent closes those that were kept.

    Every call is such that it may be made twice.
    """
    try:
        return call()
    except exceptions.ProtocolError:
        return call()


def _why(error: exceptions.HTTPError) -> str:
    match error:
        case exceptions.SSLError():
            return "has a certificate that is not trusted, or does not trust ours"
        case exceptions.NewConnectionError():
            return "does not answer"
        case exceptions.ConnectTimeoutError():
            return "cannot be reached in time"
        case exceptions.TimeoutError():
            return "does not answer in time"
        case _:
            return "does not answer"


def _line(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0].rstrip(".")[:300]


__all__ = ["Connection", "consul_errors", "twice"]
