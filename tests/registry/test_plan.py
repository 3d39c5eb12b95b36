"""What differs between the registry and Consul, from the content of both."""

from typing import Any

from registry.consul.service import Service, service_of
from registry.reconcile import make_plan

ROW: dict[str, Any] = {
    "node_name": "A",
    "node_type": "effect",
    "version": "1.0.0",
    "capabilities": [{"name": "crud"}],
    "endpoints": {},
    "ttl_seconds": 90,
    "health_status": "healthy",
    "revision": 4,
}


def test_each_node_is_in_one_place_only() -> None:
    """Only here, there with another content or as somebody else's, equal but for the status, equal, and only there."""
    nodes = [ROW | {"node_id": name} for name in ("new", "old", "same", "ill", "unchecked", "theirs")]
    services = {one["node_id"]: service_of(one | {"revision": 3}, "us") for one in nodes if one["node_id"] != "new"}
    services["old"] = Service("old", "a", (), services["old"].meta, "", 0)
    services["theirs"] = Service("theirs", "a", (), {"registry_id": "them"}, "", 0)
    services["not-ours"] = Service("not-ours", "consul", (), {}, "", 0)
    services["gone"] = service_of(ROW | {"node_id": "gone"}, "us")
    statuses = {"old": "passing", "same": "passing", "ill": "critical", "theirs": "passing", "gone": "passing"}
    made = make_plan(nodes, services, statuses, "us")
    assert (made.register, made.update, made.remove) == (("new",), ("old", "unchecked"), ("gone",))
    assert made.foreign == ("theirs",)
    assert (made.health, made.equal) == (("ill",), ("same",))
    assert made.consistency == 1 / 7


def test_who_edits_a_service_in_consul_cannot_hide_it() -> None:
    """The content itself is compared, not the hash that the service bears; the revision alone is no difference."""
    node = ROW | {"node_id": "n-1"}
    wanted = service_of(node, "us")
    edited = Service("n-1", wanted.name, (*wanted.tags, "mine"), wanted.meta, "", 0)
    assert make_plan([node], {"n-1": edited}, {"n-1": "passing"}, "us").update == ("n-1",)
    newer = node | {"revision": 99}
    assert make_plan([newer], {"n-1": wanted}, {"n-1": "passing"}, "us").consistency == 1.0
