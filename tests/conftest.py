"""Fixtures and hooks that every test may use."""

from tests.kafka import kafka
from tests.parts import pytest_terminal_summary
from tests.postgres import database, database_url, empty_database_url, postgres_server, postgres_template

__all__ = [
    "database",
    "database_url",
    "empty_database_url",
    "kafka",
    "postgres_server",
    "postgres_template",
    "pytest_terminal_summary",
]
