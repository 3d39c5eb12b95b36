"""What every part of the soak works with: Kafka, a lake, a stream of messages, and processes of `omninode ingest`."""

import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep

from ingest.kafka import KafkaSettings
from ingest.lake import open_lake
from ingest.producer import Outgoing
from tests.command import CommandLine
from tests.published import Published, believable

_END_SECONDS = 60.0


@dataclass(slots=True)
class Stream:
    """Messages that are published all the time, some 2,500 a second, but for when it is told to pause."""

    published: Published
    _flowing: Event = field(init=False, default_factory=Event)
    _ended: Event = field(init=False, default_factory=Event)

    def pause(self) -> None:
        """Publish nothing more for the time being."""
        self._flowing.clear()

    def resume(self) -> None:
        """Go on."""
        self._flowing.set()

    @contextmanager
    def running(self) -> Iterator["Stream"]:
        """Publish until the end of the block; after it, all that was published is acknowledged."""
        failures: list[BaseException] = []

        def publish() -> None:
            try:
                self.published.publish(self._messages(), pause_seconds=0.2, pause_every=500)
            except BaseException as error:  # noqa: BLE001 - it is raised where it can be seen
                failures.append(error)

        thread = Thread(target=publish, name="stream")
        self.resume()
        thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            self.resume()
            thread.join()
        if failures:
            raise failures[0]

    def _messages(self) -> Iterator[Outgoing]:
        for message in chain.from_iterable(believable(workflows=200, seed=seed) for seed in count()):
            self._flowing.wait()
            if self._ended.is_set():
                return
            yield message


@dataclass(slots=True)
class Rig:
    """One part's own topics and lake, and all processes of the command that it started."""

    kafka: KafkaSettings
    folder: Path
    lake: str
    say: Callable[[str], object] = field(default=lambda _: None)
    options: Mapping[str, str] = field(default_factory=dict)
    #: Whether the ingests share the partitions in a consumer group; else each reads all of them.
    shares: bool = False
    published: Published = field(init=False, repr=False)
    running: "list[subprocess.Popen[bytes]]" = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.published = Published(self.kafka)

    @property
    def command(self) -> CommandLine:
        """The command line, for this Kafka and this lake."""
        options = {f"OMNINODE_KAFKA_{name.replace('.', '_').upper()}": told for name, told in self._options.items()}
        places = {
            "OMNINODE_HOME": str(self.folder / "home"),
            "OMNINODE_ENV": self.kafka.environment,
            "OMNINODE_KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "OMNINODE_LAKE": self.lake,
        }
        return CommandLine(self.folder, places | options)

    @contextmanager
    def producing(self) -> Iterator[Stream]:
        """Publish until the end of the block."""
        with Stream(self.published).running() as stream:
            yield stream

    def start(self) -> "subprocess.Popen[bytes]":
        """Start an ingest that runs until it is ended."""
        words = ["ingest"] if self.shares else ["ingest", "--all-partitions"]
        process = self.command.start(*words, log=self.log)
        self.running.append(process)
        return process

    def end(self, process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
        """End an ingest by this signal; one that is asked to end must do so in time and with exit code 0.

        One that is still starting has nothing to finish: it says that it was interrupted, or just ends.
        """
        self.check_running(process)
        self.running.remove(process)
        process.send_signal(number)
        code = process.wait(_END_SECONDS)
        assert code in (0, 128 + number, -number), f"ingest ended with exit code {code}: {self.last_words()}"

    def check_running(self, process: "subprocess.Popen[bytes]") -> None:
        """Fail if it has ended by itself, which no failure outside of it is a reason for."""
        assert process.poll() is None, f"ingest ended by itself with exit code {process.poll()}: {self.last_words()}"

    def end_all(self) -> None:
        """Ask all to end."""
        for process in list(self.running):
            self.end(process, signal.SIGTERM)

    def kill_all(self) -> None:
        """Whatever happened: leave no process behind."""
        for process in self.running:
            process.kill()
            process.wait()
        self.running.clear()

    def finish(self) -> None:
        """Read what is left: afterwards the lake must hold everything."""
        self.command.done("ingest", "--until-end")

    def version(self) -> int:
        """The version of the lake."""
        return open_lake(self.lake).version

    def wait_for_commit(self, *, seconds: float = 60.0) -> int:
        """Wait until somebody has committed again, and return the version."""
        before, deadline = self.version(), monotonic() + seconds
        while (version := self.version()) <= before:
            assert monotonic() < deadline, f"nothing was committed for {seconds:.0f} s: {self.last_words()}"
            for process in self.running:
                self.check_running(process)
            sleep(0.05)
        return version

    @property
    def log(self) -> Path:
        """What the processes said."""
        return self.folder / "ingest.log"

    def last_words(self) -> str:
        """The end of what the processes said."""
        said = self.log.read_text(errors="replace") if self.log.exists() else ""
        return said[-1_000:] or "it said nothing"

    @property
    def _options(self) -> Mapping[str, str]:
        return {**self.kafka.options, **self.options}


@contextmanager
def rig(
    kafka: KafkaSettings,
    folder: Path,
    *,
    lake: str | None = None,
    say: Callable[[str], object] = lambda _: None,
    options: Mapping[str, str] | None = None,
    shares: bool = False,
) -> Iterator[Rig]:
    """Yield a rig; of the processes that it started none is left afterwards."""
    made = Rig(kafka, folder, lake or str(folder / "lake"), say, options or {}, shares)
    try:
        yield made
    finally:
        made.kill_all()
