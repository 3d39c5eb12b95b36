"""`omninode ingest`: from Kafka into the lake."""

from ingest.lake import open_lake
from omninode.cli.door import read_settings
from omninode.cli.loading import LOADED_COLUMNS, load, stop_on_signal
from omninode.cli.output import OutputFormat, print_rows
from omninode.cli.progress import phase, phases
from pipelines.parts import kafka


def run_ingest(*, until_end: bool, all_partitions: bool, output: OutputFormat) -> None:
    """Ingest until interrupted or until the end of the topics, then say what came."""
    settings = read_settings()
    # First of all: who asks for an end while Kafka is still being looked for is heard, too.
    with stop_on_signal() as stop, kafka(settings) as cluster, phases() as progress:
        lake = open_lake(settings.lake, settings.lake_options)
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
    print_rows(loaded.rows(), LOADED_COLUMNS, output, title=f"Ingested into {settings.lake}")
