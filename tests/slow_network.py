"""A network that takes its time: a proxy on loopback that holds back what a server answers."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Thread


@dataclass(slots=True)
class SlowNetwork:
    """`delay_seconds` may be changed while connections are open."""

    port: int
    delay_seconds: float = 0.0
    _stop: Event = field(default_factory=Event)

    @property
    def address(self) -> str:
        """Return where the server is to be found over this network."""
        return f"127.0.0.1:{self.port}"


@contextmanager
def slow_network(server_port: int) -> Iterator[SlowNetwork]:
    """Yield a way to the server on this port of loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        network = SlowNetwork(listener.getsockname()[1])
        Thread(target=_accept, args=(listener, server_port, network), daemon=True).start()
        try:
            yield network
        finally:
            network._stop.set()
            listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, server_port: int, network: SlowNetwork) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            try:
                server = socket.create_connection(("127.0.0.1", server_port))
            except OSError:
                client.close()
                continue
            Thread(target=_copy, args=(client, server, None), daemon=True).start()
            Thread(target=_copy, args=(server, client, network), daemon=True).start()


def _copy(source: socket.socket, target: socket.socket, network: SlowNetwork | None) -> None:
    with suppress(OSError), source, target:
        while data := source.recv(65_536):
            if network is not None:
                network._stop.wait(network.delay_seconds)
            target.sendall(data)


__all__ = ["SlowNetwork", "slow_network"]
