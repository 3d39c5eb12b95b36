"""Registration in Postgres and Consul at once: beside bare Consul, with eight callers, and of many nodes."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from statistics import median
from threading import Thread
from time import perf_counter
from typing import Any

import consul

from registry import NodeRegistryService
from registry.checks import checked_node
from registry.consul.client import ConsulClient
from registry.consul.delivery import ConsulDelivery
from registry.consul.service import Service, service_of
from registry.outcomes import registration
from sql.connection import connect
from tests.benchmarks.harness import Benchmark, NotMeasured, Result, percentile, ratio_of_medians
from tests.benchmarks.registry_parts import both_parts, clear, new_nodes, register_ms, with_registry

_ROUNDS = 5
_NODES = 160
_CALLERS = 8
_MANY = 10_000


def measure_ratio(folder: Path) -> Result:
    """The rate at which one caller registers in both, over that of register and pass in Consul alone, interleaved.

    Beside it, python-consul2 as it comes: our client sends the library's requests over faster connections.
    """

    async def use(registry: NodeRegistryService, delivery: ConsulDelivery) -> Result:
        names = ("both", "consul", "both_8_callers", "consul_8_callers", "stock_client")
        rates: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(_ROUNDS + 1):
            for name, callers in (("both", 1), ("both_8_callers", _CALLERS)):
                began = perf_counter()
                await _registered(registry, callers)
                rates[name].append(_NODES / (perf_counter() - began))
                await clear(registry)
            for name, callers in (("consul", 1), ("consul_8_callers", _CALLERS)):
                rates[name].append(await asyncio.to_thread(_bare_rate, delivery.sender.client, callers))
            rates["stock_client"].append(await asyncio.to_thread(_stock_rate, delivery.settings.port))
        warm = {name: taken[1:] for name, taken in rates.items()}
        detail: dict[str, Any] = {f"{name}_per_s": [round(rate) for rate in taken] for name, taken in warm.items()}
        detail["ratio_8_callers"] = round(ratio_of_medians(warm["both_8_callers"], warm["consul_8_callers"]), 3)
        detail["ratio_stock_client"] = round(ratio_of_medians(warm["both"], warm["stock_client"]), 3)
        return Result(ratio_of_medians(warm["both"], warm["consul"]), detail)

    with both_parts(folder) as (url, agent):
        return with_registry(url, agent, folder, use)


def measure_p99(folder: Path) -> Result:
    """Eight callers register at once; the median of the rounds' p99, the first left out."""

    async def use(registry: NodeRegistryService, _: ConsulDelivery) -> Result:
        rounds = []
        for _round in range(_ROUNDS + 1):
            rounds.append(await _registered(registry, _CALLERS))
            await clear(registry)
        p99s = [percentile(taken, 0.99) for taken in rounds[1:]]
        detail = {
            "p50_ms": round(median(percentile(taken, 0.5) for taken in rounds[1:]), 2),
            "p99_ms": [round(p99, 2) for p99 in p99s],
        }
        return Result(median(p99s), detail)

    with both_parts(folder) as (url, agent):
        return with_registry(url, agent, folder, use)


def measure_bulk(folder: Path) -> Result:
    """10,000 nodes in one call, durable in Postgres when it returns, while Consul gets them behind it."""
    rates, arrived = [], []
    with both_parts(folder) as (url, agent):
        for _ in range(3):

            async def use(registry: NodeRegistryService, _: ConsulDelivery) -> float:
                nodes = new_nodes(_MANY)
                began = perf_counter()
                answers = await registry.register_nodes(nodes)
                seconds = perf_counter() - began
                if not all(answer.success for answer in answers):
                    raise NotMeasured("not every node was registered")
                await asyncio.sleep(2)
                return seconds

            rates.append(_MANY / with_registry(url, agent, folder, use))
            arrived.append(len(agent.services()))
            for name in agent.services():
                agent.ask(f"agent/service/deregister/{name}", method="PUT")
            with connect(url) as database:
                database.execute("TRUNCATE registered_nodes, registry_outbox, node_history")
    return Result(median(rates), {"per_s": [round(rate) for rate in rates], "in_consul_2_s_later": arrived})


async def _registered(registry: NodeRegistryService, callers: int) -> list[float]:
    nodes = new_nodes(_NODES)
    parts = await asyncio.gather(*(register_ms(registry, nodes[number::callers]) for number in range(callers)))
    return [milliseconds for part in parts for milliseconds in part]


def _bare_rate(client: ConsulClient, callers: int) -> float:
    """Register the same nodes past the registry, as its client lets one: register, then pass."""
    services = _services()

    def work(number: int) -> None:
        for service in services[number::callers]:
            client.register(service, status="critical", ttl_seconds=180)
            client.report(service.service_id, "passing")

    threads = [Thread(target=work, args=(number,)) for number in range(callers)]
    began = perf_counter()
    _all(Thread.start, threads)
    _all(Thread.join, threads)
    rate = _NODES / (perf_counter() - began)
    _all(lambda service: client.deregister(service.service_id), services)
    return rate


def _stock_rate(port: int) -> float:
    """The same by one caller with the library alone."""
    agent, services = consul.Consul(port=port).agent, _services()
    began = perf_counter()
    for one in services:
        agent.service.register(
            one.name,
            service_id=one.service_id,
            address=one.address,
            port=one.port,
            tags=list(one.tags),
            meta=dict(one.meta),
            check=consul.Check.ttl("180s"),
        )
        agent.check.ttl_pass(f"service:{one.service_id}")
    rate = _NODES / (perf_counter() - began)
    _all(lambda service: agent.service.deregister(service.service_id), services)
    return rate


def _services() -> list[Service]:
    return [service_of({**_row(one), "revision": 1}, "bench") for one in new_nodes(_NODES)]


def _row(node: dict[str, Any]) -> dict[str, Any]:
    said = registration(checked_node(node))
    return {name: getattr(said, name) for name in said.__slots__}


def _all(do: Callable[[Any], None], them: list[Any]) -> None:
    for one in them:
        do(one)


REGISTER_VS_CONSUL = Benchmark("register_vs_consul", "ratio", 0.8, "higher", measure_ratio)
REGISTER_P99 = Benchmark("register_p99_ms", "ms", 50, "lower", measure_p99)
BULK_REGISTER = Benchmark("bulk_register_per_s", "1/s", 3_000, "higher", measure_bulk)
