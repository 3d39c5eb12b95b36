"""The ONEX node types, which statistics and the registry share."""

from enum import StrEnum


class EnumNodeType(StrEnum):
    """The ONEX node types. The set is open: a plain string is accepted wherever a member is."""

    EFFECT = "effect"
    COMPUTE = "compute"
    REDUCER = "reducer"
    ORCHESTRATOR = "orchestrator"
