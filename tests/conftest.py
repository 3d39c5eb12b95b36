"""Fixtures and hooks that every test may use."""

from tests.apache_kafka.fixtures import any_kafka, apache_cluster, bare_kafka, broker, environment, tansu_address
from tests.consul import consul, shared_consul
from tests.kafka import kafka
from tests.lifecycle_lake import lifecycle_lake, lifecycle_pool, replay
from tests.parts import pytest_terminal_summary
from tests.postgres import database, database_url, empty_database_url, postgres_server, postgres_template
from tests.typed import typed

__all__ = [
    "any_kafka",
    "apache_cluster",
    "bare_kafka",
    "broker",
    "consul",
    "database",
    "database_url",
    "empty_database_url",
    "environment",
    "kafka",
    "lifecycle_lake",
    "lifecycle_pool",
    "postgres_server",
    "postgres_template",
    "pytest_terminal_summary",
    "replay",
    "shared_consul",
    "tansu_address",
    "typed",
]
