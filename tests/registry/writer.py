"""A process that registers nodes until it is killed: `python -m tests.registry.writer POSTGRES_URL HOME`.

It writes a line for each answer: the id of a node that is registered, with a minus if it is not any more.
"""

import asyncio
import sys
from pathlib import Path

from registry import NodeRegistryService
from tests.registry.nodes import node


async def write(url: str, home: Path) -> None:
    """Register and change nodes, and remove every third."""
    async with NodeRegistryService(enable_consul=True, enable_postgres=True, postgres_url=url, home=home) as registry:
        number = 0
        while True:
            name = f"n-{number:05}"
            assert (await registry.register_node(node(name))).success
            print(name, flush=True)
            assert (await registry.register_node(node(name, version="1.1.0"))).success
            if number % 3 == 0:
                assert await registry.deregister_node(name)
                print(f"-{name}", flush=True)
            number += 1


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1], Path(sys.argv[2])))
