"""Service discovery: nodes in Consul, as they are in the registry's tables."""

from registry.consul.delivery import default_delivery

__all__ = ["default_delivery"]
