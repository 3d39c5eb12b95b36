"""The agent as the registry sees it: what it is told, and what it says when it cannot."""

import socket
from pathlib import Path
from threading import Thread

import pytest

from omninode.errors import BadInput
from registry.consul.client import ConsulClient
from registry.consul.errors import ConsulAway
from registry.consul.service import Service, service_name
from registry.consul.settings import ConsulSettings
from tests.consul import Agent


def client_of(agent: Agent) -> ConsulClient:
    """Return a client of an agent."""
    return ConsulClient(ConsulSettings(port=agent.ports["http"]))


def service(service_id: str = "n-1", version: str = "1.0.0") -> Service:
    """Return a service."""
    return Service(
        service_id, "my-node", (f"version:{version}", "a b"), {"version": version, "registry_id": "r"}, "10.0.0.1", 80
    )


def test_a_service_is_replaced_whole_and_passes_at_once(consul: Agent) -> None:
    """Registered again it has the new tags and meta alone, and does not fail in between."""
    client = client_of(consul)
    client.register(service(), status="passing", ttl_seconds=60)
    client.register(service(version="2.0.0"), status="passing", ttl_seconds=60)
    assert client.services() == {"n-1": service(version="2.0.0")}
    assert client.statuses("r") == {"n-1": "passing"}


def test_ids_that_need_escaping_are_one_service_each(consul: Agent) -> None:
    """No id reaches another service's path."""
    client = client_of(consul)
    ids = ["a.b:c@d+e~f", "a", "a..b", "a+b", "a:b"]
    for node_id in ids:
        client.register(service(node_id), status="passing", ttl_seconds=60)
        client.report(node_id, "warning", "why & how?")
    client.deregister("a+b")
    assert client.statuses("r") == dict.fromkeys(set(ids) - {"a+b"}, "warning")


def test_the_variables_of_this_process_do_not_overrule_what_we_were_told(
    consul: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library would go to the address of the environment, with its token."""
    monkeypatch.setenv("CONSUL_HTTP_ADDR", "127.0.0.1:1")
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", "another")
    assert client_of(consul).services() == {}


def test_an_agent_that_was_started_again_is_spoken_to_at_once(consul: Agent) -> None:
    """The connections that it closed are no error."""
    client = client_of(consul)
    client.register(service(), status="passing", ttl_seconds=60)
    consul.kill()
    with pytest.raises(ConsulAway, match="does not answer"):
        client.services()
    consul.start()
    assert client.services() == {}


def test_who_accepts_and_is_silent_does_not_hold_us_up() -> None:
    """The time for an answer is bounded; what answers, but is no Consul, is told apart."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        quick = ConsulSettings(port=silent.getsockname()[1], timeout_seconds=(0.2, 0.2))
        with pytest.raises(ConsulAway, match="in time"):
            ConsulClient(quick).services()

        def answer() -> None:
            for _ in range(2):
                peer, _address = silent.accept()
                with peer:
                    peer.recv(65_536)
                    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")

        Thread(target=answer, daemon=True).start()
        with pytest.raises(ConsulAway, match="not Consul"):
            ConsulClient(ConsulSettings(port=quick.port)).services()


def test_settings_are_read_from_consuls_own_variables(tmp_path: Path) -> None:
    """As its own command line reads them; no secret is shown."""
    file = tmp_path / "token"
    file.write_text("secret\n")
    told = {
        "CONSUL_HTTP_ADDR": "consul.example:8443",
        "CONSUL_HTTP_SSL": "true",
        "CONSUL_CACERT": "/ca.pem",
        "CONSUL_HTTP_TOKEN_FILE": str(file),
        "CONSUL_HTTP_AUTH": "user:a:b",
    }
    settings = ConsulSettings.read(told)
    assert settings.address == "https://consul.example:8443"
    assert (settings.verify, settings.token, settings.login) == ("/ca.pem", "secret", ("user", "a:b"))
    assert "secret" not in repr(settings)
    assert ConsulSettings.read({}).address == "http://127.0.0.1:8500"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CONSUL_HTTP_ADDR", "unix:///run/consul.sock"),
        ("CONSUL_HTTP_ADDR", "host:port"),
        ("CONSUL_HTTP_SSL", "maybe"),
        ("CONSUL_CLIENT_CERT", "/cert.pem"),
        ("CONSUL_HTTP_TOKEN_FILE", "/nowhere/token"),
    ],
)
def test_settings_that_cannot_be_used_are_named(name: str, value: str) -> None:
    """Each by its variable."""
    with pytest.raises(BadInput, match=name):
        ConsulSettings.read({name: value})


def test_long_names_stay_apart() -> None:
    """What has to be cut for the DNS still differs."""
    one, other = service_name("A" * 80 + " one"), service_name("A" * 80 + " two")
    assert one != other
    assert max(len(one), len(other)) <= 63
