"""Who generates what: the node types, domains and models of an invented company, and how each of them does."""

from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import Generic, NamedTuple, TypeVar


class NodeType(NamedTuple):
    """What is generated. Duration and tokens are log-normal around their medians."""

    name: str
    seconds: float
    spread: float  # sigma of the logarithm
    tokens: float
    quality: float
    failure: float  # share of the attempts that fail, all else being average
    stages: int


class Domain(NamedTuple):
    """What it is generated for. `pace` and `failure` multiply, `quality` is added."""

    name: str
    pace: float
    quality: float
    failure: float


class Model(NamedTuple):
    """What generates it. `pace` multiplies, `quality` is added."""

    name: str
    pace: float
    quality: float
    usd_per_token: float


class Failure(NamedTuple):
    """Why an attempt fails, and in which stage (from 0)."""

    stage: int
    code: str
    message: str


class Stage(NamedTuple):
    """A step of every generation. `share` is its part of the time, `token_share` its part of the tokens."""

    name: str
    share: float
    token_share: float


Item = TypeVar("Item")


class Mix(Generic[Item]):
    """Things to choose from, each with its weight."""

    def __init__(self, weighted: Sequence[tuple[float, Item]]) -> None:
        self._items = [item for _, item in weighted]
        self._cumulative = list(accumulate(weight for weight, _ in weighted))

    def draw(self, rng: Random) -> Item:
        """Choose one of them."""
        return rng.choices(self._items, cum_weights=self._cumulative)[0]


NODE_TYPES = Mix(
    [
        (0.42, NodeType("effect", 42.0, 0.45, 5_200.0, 0.84, 0.055, 6)),
        (0.28, NodeType("compute", 65.0, 0.50, 7_800.0, 0.82, 0.060, 5)),
        (0.17, NodeType("reducer", 95.0, 0.55, 9_500.0, 0.79, 0.075, 6)),
        (0.13, NodeType("orchestrator", 210.0, 0.65, 21_000.0, 0.75, 0.110, 8)),
    ]
)

DOMAINS = Mix(
    [
        (0.34, Domain("api", 0.85, 0.02, 0.8)),
        (0.22, Domain("data", 1.10, 0.00, 1.0)),
        (0.16, Domain("general", 1.00, 0.01, 0.9)),
        (0.13, Domain("ml", 1.60, -0.05, 1.6)),
        (0.09, Domain("messaging", 1.05, -0.01, 1.1)),
        (0.06, Domain("security", 1.35, -0.03, 1.4)),
    ]
)

MODELS = Mix(
    [
        (0.45, Model("coder-medium", 1.00, 0.00, 4.0e-6)),
        (0.30, Model("coder-small", 0.60, -0.05, 0.6e-6)),
        (0.18, Model("coder-large", 1.55, 0.05, 18.0e-6)),
        (0.07, Model("reasoner-large", 2.40, 0.07, 32.0e-6)),
    ]
)

#: A node type goes through the first so many of them.
STAGES = (
    Stage("contract_generation", 0.10, 0.08),
    Stage("context_gathering", 0.14, 0.20),
    Stage("code_generation", 0.36, 0.40),
    Stage("test_generation", 0.18, 0.18),
    Stage("validation", 0.16, 0.05),
    Stage("documentation", 0.08, 0.07),
    Stage("packaging", 0.05, 0.01),
    Stage("registration", 0.03, 0.01),
)

FAILURES = Mix(
    [
        (0.42, Failure(4, "QUALITY_BELOW_THRESHOLD", "Quality score below threshold")),
        (0.22, Failure(3, "TESTS_FAILED", "Generated tests do not pass")),
        (0.18, Failure(2, "MODEL_TIMEOUT", "The model did not answer in time")),
        (0.10, Failure(1, "CONTEXT_TOO_LARGE", "The context does not fit the model")),
        (0.08, Failure(0, "CONTRACT_INVALID", "The contract does not match its schema")),
    ]
)
