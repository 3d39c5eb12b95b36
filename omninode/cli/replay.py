"""`omninode replay`: a file's events, all the way into the statistics."""

from pathlib import Path

from ingest.lake import open_lake
from ingest.producer import publish
from ingest.replay import read_file
from omninode.cli.door import read_settings
from omninode.cli.loading import LOADED_COLUMNS, hint_at_dead_letters, load, stop_on_signal
from omninode.cli.output import OutputFormat, print_rows
from omninode.cli.progress import phase, phases
from omninode.cli.refresh import REFRESHED_COLUMNS, refresh_lake, refreshed_rows
from omninode.errors import BadInput
from pipelines.parts import kafka


def run_replay(file: Path, output: OutputFormat) -> None:
    """Publish, ingest and refresh, then say what came and which windows changed."""
    if not file.is_file():
        what = "not a file" if file.exists() else "no such file"
        raise BadInput(f"{file}: {what}; name a file of JSON lines, one event a line")
    settings = read_settings()
    lake = open_lake(settings.lake, settings.lake_options)
    with phases() as progress:
        with kafka(settings) as cluster:
            line = phase(progress, "publish")
            published = publish(cluster, read_file(file), on_progress=line.at)
            line.done(published)
            line = phase(progress, "ingest", published)
            with stop_on_signal() as stop:
                loaded = load(
                    settings,
                    cluster,
                    lake,
                    until_end=True,
                    stop=stop,
                    on_progress=lambda so_far: line.at(so_far.messages),
                )
            line.done(loaded.messages)
        line = phase(progress, "refresh the statistics")
        report = refresh_lake(settings, lake)
        line.done(report.window_count)
    hint_at_dead_letters(loaded)
    if output is OutputFormat.TABLE:
        print_rows(loaded.rows(), LOADED_COLUMNS, output, title=f"Ingested into {settings.lake}")
    print_rows(
        refreshed_rows(report), REFRESHED_COLUMNS, output, title=f"Refreshed to lake version {report.lake_version}"
    )
