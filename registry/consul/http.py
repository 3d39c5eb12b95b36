"""How python-consul2 speaks to an agent: over urllib3, which takes a third of the time that requests would."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import urllib3
from consul import base

from registry.consul.settings import ConsulSettings

#: As many connections as threads deliver at once; more are made and thrown away.
_CONNECTIONS = 16

Answer = Callable[[Any], Any]


class Http(base.HTTPClient):  # type: ignore[misc]
    """The library's four methods over connections that are kept. Proxies and ~/.netrc are not for the agent.

    Any thread may use it. Raises errors of urllib3.
    """

    def __init__(self, settings: ConsulSettings, timeout: tuple[float, float]) -> None:
        super().__init__(settings.host, settings.port, settings.scheme)
        self.base_uri = ""
        self._pool = _pool(settings, urllib3.Timeout(connect=timeout[0], read=timeout[1]))

    def get(self, callback: Answer, path: str, params: Any = None, headers: Any = None) -> Any:
        """Ask."""
        return self._ask("GET", callback, path, params, headers)

    def put(self, callback: Answer, path: str, params: Any = None, data: str = "", headers: Any = None) -> Any:
        """Set."""
        return self._ask("PUT", callback, path, params, headers, data)

    def delete(self, callback: Answer, path: str, params: Any = None, data: str = "", headers: Any = None) -> Any:
        """Remove."""
        return self._ask("DELETE", callback, path, params, headers, data)

    def post(self, callback: Answer, path: str, params: Any = None, headers: Any = None, data: str = "") -> Any:
        """Do."""
        return self._ask("POST", callback, path, params, headers, data)

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def _ask(
        self,
        method: str,
        callback: Answer,
        path: str,
        params: Any,
        headers: Mapping[str, str] | None,
        data: str | None = None,
    ) -> Any:
        body = data.encode() if data else None
        sent = {**self._pool.headers, **(headers or {})}
        answer = self._pool.urlopen(
            method, self.uri(path, params), body=body, headers=sent, retries=False, redirect=False
        )
        text = answer.data.decode("utf-8", "replace")
        return callback(base.Response(answer.status, answer.headers, text, answer.data))


def _pool(settings: ConsulSettings, timeout: urllib3.Timeout) -> urllib3.HTTPConnectionPool:
    login = settings.login
    headers = urllib3.make_headers(basic_auth=":".join(login)) if login else {}
    common: dict[str, Any] = {"maxsize": _CONNECTIONS, "timeout": timeout, "headers": headers}
    if settings.scheme == "http":
        return urllib3.HTTPConnectionPool(settings.host, settings.port, **common)
    certificate, key = settings.certificate or (None, None)
    return urllib3.HTTPSConnectionPool(
        settings.host,
        settings.port,
        cert_reqs="CERT_REQUIRED" if settings.verify else "CERT_NONE",
        **_authorities(settings.verify),
        cert_file=certificate,
        key_file=key,
        **common,
    )


def _authorities(verify: bool | str) -> dict[str, Any]:
    """Say of whom an agent's certificate may be; without a word of the user those that the system trusts."""
    if isinstance(verify, bool):
        return {}
    return {"ca_cert_dir" if Path(verify).is_dir() else "ca_certs": verify}


__all__ = ["Http"]
