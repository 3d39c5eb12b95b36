"""An index follows a registry in memory, and one whose past was put back."""

from collections.abc import Callable
from datetime import timedelta
from time import monotonic, sleep
from typing import Any

from registry.search.document import NodeDocument
from registry.search.feed import Changes
from registry.search.follower import Follower
from registry.search.memory_feed import MemoryNodes
from registry.search.pages import as_table
from registry.search_api import ModelSearchQuery, SearchAPI
from tests.search.nodes import ask, ids, node


def _soon(what: Callable[[], bool], seconds: float = 15.0) -> bool:
    deadline = monotonic() + seconds
    while not what() and monotonic() < deadline:
        sleep(0.002)
    return what()


async def test_a_registry_in_memory_is_followed() -> None:
    """Nodes that were there before the first question, and those that come, change and go after it."""
    nodes = MemoryNodes()
    nodes.put(node("first", "KafkaConsumer"))
    with SearchAPI(nodes) as api:
        assert [result.node_id for result in (await api.search(ModelSearchQuery(query="kafka"))).results] == ["first"]
        index = api._follower.index()
        nodes.put(node("second", "KafkaProducer"))
        assert _soon(lambda: set(ids(ask(index, "kafka"))) == {"first", "second"})
        nodes.put(node("first", "RedisCache"))
        nodes.drop("second")
        assert _soon(lambda: ids(ask(index, "kafka")) == [])
        assert ids(ask(index, "redis")) == ["first"]


class _PutBack:
    """A feed that is put back to an older state when it is told to."""

    def __init__(self) -> None:
        self.nodes, self.watermark = [node("a", "KafkaConsumer"), node("b", "KafkaProducer")], 10
        self.breaks = 0

    def read_all(self) -> tuple[Any, int]:
        return as_table(self.nodes), self.watermark

    def changes(self, since: int) -> Changes:
        if self.breaks:
            self.breaks -= 1
            raise RuntimeError("not what anybody expects")
        return Changes(list[NodeDocument](), [], self.watermark)

    def wait(self, longest: timedelta) -> bool:
        sleep(0.01)
        return True

    def close(self) -> None:
        pass


def test_what_was_put_back_is_read_anew() -> None:
    """A database restored from a backup has no node that it does not have any more; errors end nothing."""
    feed = _PutBack()
    follower = Follower(lambda: feed)
    assert set(ids(ask(follower.index(), "kafka"))) == {"a", "b"}
    feed.breaks = 1
    assert _soon(lambda: feed.breaks == 0)
    feed.nodes, feed.watermark = [node("a", "KafkaConsumer")], 5
    assert _soon(lambda: ids(ask(follower.index(), "kafka")) == ["a"])
    follower.close()
