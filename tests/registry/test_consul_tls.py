"""A real Consul that speaks TLS, and wants to know by a certificate who asks."""

from pathlib import Path

import pytest

from omninode.process import free_port
from registry.consul.client import ConsulClient
from registry.consul.errors import ConsulError
from registry.consul.settings import ConsulSettings
from tests.certificates import make_certificates
from tests.consul import an_agent


def test_nodes_over_tls(tmp_path: Path) -> None:
    """With the authority and a certificate of our own it answers; without either that is said in one line."""
    authority = make_certificates(tmp_path)
    certificate, key, port = tmp_path / "certificate.pem", tmp_path / "key.pem", free_port()
    secured = {
        "ports": {"https": port},
        "ca_file": str(authority),
        "cert_file": str(certificate),
        "key_file": str(key),
        "verify_incoming_https": True,
    }
    known = {"CONSUL_HTTP_ADDR": f"https://127.0.0.1:{port}", "CONSUL_CACERT": str(authority)}
    ours = {"CONSUL_CLIENT_CERT": str(certificate), "CONSUL_CLIENT_KEY": str(key)}
    with an_agent(tmp_path / "consul", more=secured):
        assert _services({**known, **ours}) == {}
        for variables in (known, {"CONSUL_HTTP_ADDR": known["CONSUL_HTTP_ADDR"], **ours}):
            with pytest.raises(ConsulError, match=f"https://127.0.0.1:{port}") as refused:
                _services(variables)
            assert "\n" not in str(refused.value)


def _services(environment: dict[str, str]) -> object:
    client = ConsulClient(ConsulSettings.read(environment))
    try:
        return client.services()
    finally:
        client.close()
