"""What can go wrong with Consul, in words for the user. The error of the library is kept as the cause."""

from omninode.errors import OmninodeError


class ConsulError(OmninodeError):
    """Consul did not do what was asked."""


class ConsulAway(ConsulError):
    """The agent does not answer, or not in time. Whether it did what was asked is not known."""


class ConsulDenied(ConsulError):
    """The ACL token lacks a privilege, or there is none."""


class ConsulRefused(ConsulError):
    """The agent answered that it cannot do this."""


class UnknownCheck(ConsulRefused):
    """The agent does not know the check: it has forgotten the service, or never had it."""


class NotOurs(ConsulRefused):
    """The id belongs to a service that somebody else has registered: it is left alone."""


class CannotRead(ConsulDenied):
    """The token may not see services, so that an empty answer does not mean that there are none."""


__all__ = ["CannotRead", "ConsulAway", "ConsulDenied", "ConsulError", "ConsulRefused", "NotOurs", "UnknownCheck"]
