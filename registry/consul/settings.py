"""Where the agent is and how it is spoken to, from Consul's own environment variables."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from omninode.errors import BadInput

_PORT = 8500
_TRUE = ("1", "t", "true")
_FALSE = ("0", "f", "false")


@dataclass(frozen=True, slots=True)
class ConsulSettings:
    """One agent. `verify`: whether its certificate is checked, or the file or folder of the authorities it may be from.

    `certificate`: the files of our own certificate and key. `timeout_seconds`: to connect, and for an answer.
    """

    host: str = "127.0.0.1"
    port: int = _PORT
    scheme: str = "http"
    token: str | None = field(default=None, repr=False)
    login: tuple[str, str] | None = field(default=None, repr=False)
    verify: bool | str = True
    certificate: tuple[str, str] | None = None
    timeout_seconds: tuple[float, float] = (1.0, 5.0)

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "ConsulSettings":
        """Read CONSUL_HTTP_ADDR, _TOKEN, _TOKEN_FILE, _AUTH, _SSL, _SSL_VERIFY and CONSUL_CACERT, CAPATH, CLIENT_CERT,
        CLIENT_KEY; without an address it is the agent of this machine. Raises `BadInput` that names the variable.

        >>> ConsulSettings.read({"CONSUL_HTTP_ADDR": "https://[::1]:8501"}).address
        'https://[::1]:8501'
        """
        scheme, host, port = _address(environ.get("CONSUL_HTTP_ADDR", "").strip())
        if _switch(environ, "CONSUL_HTTP_SSL", False):
            scheme = "https"
        authorities = environ.get("CONSUL_CACERT") or environ.get("CONSUL_CAPATH")
        return cls(
            host=host,
            port=port,
            scheme=scheme,
            token=environ.get("CONSUL_HTTP_TOKEN") or _token(environ.get("CONSUL_HTTP_TOKEN_FILE")),
            login=_login(environ.get("CONSUL_HTTP_AUTH")),
            verify=(authorities or True) if _switch(environ, "CONSUL_HTTP_SSL_VERIFY", True) else False,
            certificate=_certificate(environ.get("CONSUL_CLIENT_CERT"), environ.get("CONSUL_CLIENT_KEY")),
        )

    @property
    def address(self) -> str:
        """Return the agent's URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def _address(text: str) -> tuple[str, str, int]:
    if not text:
        return "http", "127.0.0.1", _PORT
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.username:
        # The text is not repeated: it may hold a password.
        raise BadInput("CONSUL_HTTP_ADDR: not an address like 127.0.0.1:8500 or https://HOST:8501")
    return parts.scheme, parts.hostname, port or _PORT


def _switch(environ: Mapping[str, str], name: str, default: bool) -> bool:
    text = environ.get(name, "").strip().lower()
    if text and text not in _TRUE + _FALSE:
        raise BadInput(f"{name}: {text!r} is neither true nor false")
    return text in _TRUE if text else default


def _token(file: str | None) -> str | None:
    if not file:
        return None
    try:
        return Path(file).read_text(encoding="utf-8").strip() or None
    except OSError as error:
        raise BadInput(f"CONSUL_HTTP_TOKEN_FILE: {file} cannot be read ({error.strerror})") from error


def _login(text: str | None) -> tuple[str, str] | None:
    if not text:
        return None
    user, _, password = text.partition(":")
    return user, password


def _certificate(file: str | None, key: str | None) -> tuple[str, str] | None:
    if bool(file) != bool(key):
        raise BadInput("CONSUL_CLIENT_CERT: goes together with CONSUL_CLIENT_KEY; set both or none")
    return (file, key) if file and key else None


__all__ = ["ConsulSettings"]
