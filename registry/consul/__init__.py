"""Service discovery: nodes in Consul, as they are in the registry's tables."""

from registry.consul.delivery import ConsulDelivery, NoConsul, default_delivery, is_wanted

__all__ = ["ConsulDelivery", "NoConsul", "default_delivery", "is_wanted"]
