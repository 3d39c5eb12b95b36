"""`omninode up`: everything kept running, until interrupted."""

import asyncio
import logging
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep

from prometheus_client import CollectorRegistry, start_http_server

from assets.instance import instance_folder, open_instance
from assets.report import report_refresh
from assets.ui import ui_command, ui_environment
from ingest.kafka import KafkaSettings
from ingest.lake import open_lake
from ingest.metrics import IngestMetrics, LagCollector
from omninode.cli.door import read_settings, utc_now
from omninode.cli.loading import open_ingestor, stop_on_signal
from omninode.cli.output import console
from omninode.environment import environment
from omninode.errors import BadInput
from omninode.process import free_port
from omninode.settings import Settings
from pipelines.lifecycle.follower import LifecycleFollower
from pipelines.lifecycle.metrics import LifecycleCollector
from pipelines.lifecycle.replay import LifecycleReplay
from pipelines.metrics import AggregatorMetrics
from pipelines.parts import kafka, postgres
from pipelines.refresh import Refresher, RefreshReport
from pipelines.stream import Stream
from registry.consul import ConsulDelivery, default_delivery
from registry.consul.watcher import Watcher
from registry.keeper import Keeper
from registry.metrics import RegistryCollector
from registry.service import NodeRegistryService
from sql.connection import open_pool
from sql.connections import Connections
from sql.lifecycle_events import LifecycleEvents
from sql.lifecycle_reports import LifecycleReports
from sql.metric_store import MetricStore

log = logging.getLogger(__name__)

_HOST = "127.0.0.1"
_UI_END_SECONDS = 20


def run_up(*, ui_port: int, metrics_port: int) -> None:
    """Ingest and refresh as events come, with the Dagster UI and /metrics beside it."""
    settings = read_settings()
    with ExitStack() as stack:
        stop = stack.enter_context(stop_on_signal())
        cluster = stack.enter_context(kafka(settings))
        url = stack.enter_context(postgres(settings))
        registry = CollectorRegistry()
        places = {
            "Kafka": cluster.bootstrap_servers,
            "lake": settings.lake,
            "metrics": stack.enter_context(_metrics(registry, metrics_port)),
        }
        consul = _consul(stack, settings, url)
        if consul is not None:
            places["Consul"] = consul.settings.address
        report: Callable[[RefreshReport], None] = _nothing
        if ui_port:
            places["Dagster UI"] = stack.enter_context(_ui(settings, cluster, url, consul, ui_port))
            report = stack.enter_context(_reports(settings))
        follower = _follower(stack, settings, url, registry)
        _nodes(stack, replace(settings, kafka_bootstrap_servers=cluster.bootstrap_servers), url, registry, consul)
        stream = _stream(stack, settings, cluster, url, registry, _both(report, follower))
        _announce(places)
        stream.run(stop=stop)
    console().print("stopped")


def _stream(
    stack: ExitStack,
    settings: Settings,
    cluster: KafkaSettings,
    url: str,
    registry: CollectorRegistry,
    report: Callable[[RefreshReport], None],
) -> Stream:
    store = MetricStore(stack.enter_context(open_pool(url, max_size=2)))
    # Each thread has a lake of its own: one appends while the other looks what was appended.
    appending, reading = (open_lake(settings.lake, settings.lake_options) for _ in range(2))
    ingestor = stack.enter_context(open_ingestor(settings, cluster, appending, is_service=True))
    registry.register(LagCollector(ingestor.progress.lags, utc_now))
    return Stream(
        ingestor,
        Refresher(reading, store),
        AggregatorMetrics(registry),
        on_commit=IngestMetrics(registry).observe,
        on_refresh=report,
    )


def _follower(stack: ExitStack, settings: Settings, url: str, registry: CollectorRegistry) -> LifecycleFollower:
    """Let the lifecycle follow the lake on a thread of its own: the statistics do not wait for it."""
    registry.register(LifecycleCollector(LifecycleReports(stack.enter_context(open_pool(url, max_size=1)))))
    events = LifecycleEvents(stack.enter_context(open_pool(url, max_size=3)))
    follower = LifecycleFollower(LifecycleReplay(open_lake(settings.lake, settings.lake_options), events))
    return stack.enter_context(follower.running())


def _nodes(
    stack: ExitStack, settings: Settings, url: str, registry: CollectorRegistry, consul: ConsulDelivery | None
) -> None:
    """Show the registered nodes on /metrics, keep Consul like them, and register those that announce themselves."""
    connections = Connections(url)
    stack.callback(connections.close)
    nodes = NodeRegistryService(
        enable_consul=consul is not None,
        enable_postgres=True,
        enable_kafka=True,
        settings=settings,
        postgres_url=url,
        delivery=consul,
        prometheus=registry,
    )
    stack.callback(lambda: asyncio.run(nodes.close()))
    keeper = Keeper(connections, consul, on_aged=nodes.tell_aged)
    registry.register(RegistryCollector(connections, consistency=keeper.consistency))
    stack.enter_context(keeper.running())
    if consul is not None:
        watcher = Watcher(consul, nodes.bring_back)
        stack.callback(watcher.close)
        stack.enter_context(watcher.running())
    stack.enter_context(nodes.following_introspections())


def _consul(stack: ExitStack, settings: Settings, url: str) -> ConsulDelivery | None:
    """Open what brings nodes to Consul, if there is one."""
    delivery = default_delivery(url, environment(Path.cwd()), home=settings.home, is_lasting=True)
    stack.callback(delivery.close)
    return delivery if isinstance(delivery, ConsulDelivery) else None


def _both(report: Callable[[RefreshReport], None], follower: LifecycleFollower) -> Callable[[RefreshReport], None]:
    def tell(refreshed: RefreshReport) -> None:
        follower.note()
        report(refreshed)

    return tell


@contextmanager
def _metrics(registry: CollectorRegistry, port: int) -> Iterator[str]:
    port = port or free_port()
    try:
        server, thread = start_http_server(port, addr=_HOST, registry=registry)
    except OSError as error:
        raise BadInput(f"--metrics-port: port {port} cannot be used ({error.strerror}); name another one") from error
    try:
        yield f"http://{_HOST}:{port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def _ui(
    settings: Settings, cluster: KafkaSettings, url: str, consul: ConsulDelivery | None, port: int
) -> Iterator[str]:
    """Run Dagster's UI and daemon, on the very servers that we use."""
    _require_free(port)
    ours = {
        "OMNINODE_KAFKA_BOOTSTRAP_SERVERS": cluster.bootstrap_servers,
        "OMNINODE_POSTGRES_URL": url,
        "OMNINODE_LAKE": settings.lake,
    }
    if consul is not None:
        ours["CONSUL_HTTP_ADDR"] = consul.settings.address
    folder = instance_folder(settings.home)
    with (folder / "ui.log").open("ab") as ui_log:
        child = subprocess.Popen(  # noqa: S603 - our own command
            ui_command(port),
            env=dict(os.environ) | ui_environment(settings.home, folder) | ours,
            stdin=subprocess.DEVNULL,
            stdout=ui_log,
            stderr=ui_log,
            start_new_session=True,
        )
    try:
        yield f"http://{_HOST}:{port}"
    finally:
        _end(child)


def _end(child: "subprocess.Popen[bytes]") -> None:
    """End the UI by the signal on which it ends its own children, and see that they are gone, too."""
    child.send_signal(signal.SIGINT)
    deadline = monotonic() + _UI_END_SECONDS
    while child.poll() is None or _has_members(child.pid):
        if monotonic() > deadline:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            return
        sleep(0.05)


def _has_members(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def _reports(settings: Settings) -> Iterator[Callable[[RefreshReport], None]]:
    """Tell Dagster what the stream refreshed. That it cannot be told is no reason to stop the stream."""
    with open_instance(instance_folder(settings.home)) as instance:

        def report(refreshed: RefreshReport) -> None:
            try:
                report_refresh(instance, refreshed)
            except Exception as error:  # noqa: BLE001 - whatever its storage raises
                log.warning("Dagster could not be told of a refresh: %s", error)

        yield report


def _nothing(_: RefreshReport) -> None:
    """Nobody wants to know."""


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            raise BadInput(
                f"--ui-port: port {port} cannot be used ({error.strerror}); name another one, "
                "or end the UI that a killed `omninode up` has left there"
            ) from error


def _announce(places: dict[str, str]) -> None:
    out = console()
    for name, place in places.items():
        out.print(f"{name + ':':<12} {place}")
    out.print("running until interrupted; in another terminal: omninode produce")
