"""What a run uses. Nothing is opened, and nothing embedded is started, before a run needs it.

The settings are read here and not given as Dagster's configuration, so that no secret reaches the UI.
"""

from collections.abc import Iterator

import dagster as dg

from assets.environment import read_settings
from ingest.lake import Lake, open_lake
from pipelines.parts import postgres
from sql.connection import connect, open_pool
from sql.metric_store import MetricStore
from sql.migrate import migrate


@dg.resource(description="The lake that OMNINODE_LAKE names, else the one under OMNINODE_HOME.")
def lake(_: dg.InitResourceContext) -> Lake:
    """Open the lake."""
    settings = read_settings()
    return open_lake(settings.lake, settings.lake_options)


@dg.resource(description="PostgreSQL at OMNINODE_POSTGRES_URL, else the embedded one for as long as the run lasts.")
def metric_store(_: dg.InitResourceContext) -> Iterator[MetricStore]:
    """Connect to the database, its tables brought up to date."""
    with postgres(read_settings()) as url:
        with connect(url) as connection:
            migrate(connection)
        with open_pool(url) as pool:
            yield MetricStore(pool)


RESOURCES = {"lake": lake, "metric_store": metric_store}
