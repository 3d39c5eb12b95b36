"""`omninode ingest`: from Kafka into the lake."""

import sys

from ingest.kafka import KafkaSettings
from ingest.lake import open_lake
from omninode.cli.door import read_settings
from omninode.cli.loading import LOADED_COLUMNS, hint_at_dead_letters, load, stop_on_signal
from omninode.cli.output import OutputFormat, print_rows
from omninode.cli.progress import phase, phases
from omninode.settings import Settings
from pipelines.parts import kafka


def run_ingest(*, until_end: bool, all_partitions: bool, output: OutputFormat) -> None:
    """Ingest until interrupted or until the end of the topics, then say what came."""
    settings = read_settings()
    # First of all: who asks for an end while Kafka is still being looked for is heard, too.
    with stop_on_signal() as stop, kafka(settings) as cluster, phases() as progress:
        lake = open_lake(settings.lake, settings.lake_options)
        if not until_end:
            _announce(settings, cluster, shares=settings.kafka_bootstrap_servers is not None and not all_partitions)
        line = phase(progress, "ingest")
        loaded = load(
            settings,
            cluster,
            lake,
            until_end=until_end,
            stop=stop,
            all_partitions=all_partitions,
            on_progress=lambda so_far: line.at(so_far.messages),
        )
        line.done(loaded.messages)
    hint_at_dead_letters(loaded)
    print_rows(loaded.rows(), LOADED_COLUMNS, output, title=f"Ingested into {settings.lake}")


def _announce(settings: Settings, cluster: KafkaSettings, *, shares: bool) -> None:
    """Say on standard error what will be done until somebody interrupts it: a service's log begins with it."""
    which = f"as a member of the consumer group {cluster.group}" if shares else "all partitions"
    told = f"reading {cluster.bootstrap_servers}, {which}, into {settings.lake}, until interrupted"
    sys.stderr.write(f"omninode: {told}\n")
    sys.stderr.flush()
