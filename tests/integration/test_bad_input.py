"""What a user gets wrong gets one line that names the thing and the remedy, soon, and without a secret."""

import re
from pathlib import Path
from time import monotonic

import pytest

from omninode.process import free_port
from tests.command import CommandLine

SECRET = "hush-7c1f"


def complaint(folder: Path, *arguments: str, exit_code: int, **variables: str) -> str:
    """Run a command that must fail in time, with one line on standard error, and return that line."""
    began = monotonic()
    finished = CommandLine(folder, {"OMNINODE_HOME": str(folder / "home"), **variables}).run(*arguments)
    assert finished.returncode == exit_code, finished.stderr
    assert monotonic() - began < 60
    assert SECRET not in finished.stdout + finished.stderr
    lines = [line for line in finished.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, finished.stderr
    assert lines[0].startswith("omninode: ")
    return lines[0]


@pytest.fixture
def events(tmp_path: Path) -> str:
    """A file to replay."""
    file = tmp_path / "events.jsonl"
    file.write_text("{}\n")
    return str(file)


@pytest.fixture
def file_in_the_way(tmp_path: Path) -> str:
    """A place that not even root can make a folder of."""
    file = tmp_path / "file"
    file.write_text("")
    return str(file)


def nobody() -> str:
    """An address at which nobody listens."""
    return f"127.0.0.1:{free_port()}"


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there is named."""
    line = complaint(tmp_path, "replay", "gone.jsonl", exit_code=2)
    assert re.search(r"gone\.jsonl: .*name a file of JSON lines", line)


def test_folder_instead_of_a_file(tmp_path: Path) -> None:
    """A folder is no file."""
    assert "name a file of JSON lines" in complaint(tmp_path, "replay", str(tmp_path), exit_code=2)


@pytest.mark.parametrize("arguments", [("stats", "--start"), ("stats", "--end"), ("produce", "--start")])
def test_time_that_is_none(tmp_path: Path, arguments: tuple[str, str]) -> None:
    """A time that cannot be read is repeated, with how to write one."""
    line = complaint(tmp_path, *arguments, "yesterday", exit_code=2)
    assert f"{arguments[1]}: 'yesterday'" in line
    assert "2025-10-24" in line


def test_times_without_windows(tmp_path: Path) -> None:
    """A refresh from a time on needs to know which windows."""
    assert "--window" in complaint(tmp_path, "refresh", "--start", "2025-10-24", exit_code=2)
    assert "--start" in complaint(tmp_path, "refresh", "--window", "daily", exit_code=2)


def test_wrong_prefix_of_topics(tmp_path: Path, events: str) -> None:
    """A name that no topic may have is refused before anything is started."""
    assert "OMNINODE_ENV: 'a b'" in complaint(tmp_path, "replay", events, exit_code=2, OMNINODE_ENV="a b")


def test_unknown_option_of_librdkafka(tmp_path: Path, events: str) -> None:
    """An option that librdkafka does not know is named."""
    variables = {"OMNINODE_KAFKA_BOOTSTRAP_SERVERS": nobody(), "OMNINODE_KAFKA_NO_SUCH_OPTION": SECRET}
    line = complaint(tmp_path, "replay", events, exit_code=2, **variables)
    assert '"no.such.option"' in line
    assert "OMNINODE_KAFKA_" in line


def test_wrong_security_protocol(tmp_path: Path) -> None:
    """A value that librdkafka does not know is named with its option."""
    variables = {"OMNINODE_KAFKA_BOOTSTRAP_SERVERS": nobody(), "OMNINODE_KAFKA_SECURITY_PROTOCOL": "nonsense"}
    assert '"security.protocol"' in complaint(tmp_path, "ingest", exit_code=2, **variables)


def test_broker_that_is_not_there(tmp_path: Path) -> None:
    """A broker that does not answer is named, and so is the variable that says where it is; its password is not."""
    address = nobody()
    variables = {
        "OMNINODE_KAFKA_BOOTSTRAP_SERVERS": address,
        "OMNINODE_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "OMNINODE_KAFKA_SASL_MECHANISM": "PLAIN",
        "OMNINODE_KAFKA_SASL_USERNAME": "user",
        "OMNINODE_KAFKA_SASL_PASSWORD": SECRET,
    }
    line = complaint(tmp_path, "ingest", "--until-end", exit_code=1, **variables)
    assert f"Kafka at {address} does not answer" in line
    assert "OMNINODE_KAFKA_BOOTSTRAP_SERVERS" in line


@pytest.mark.parametrize("command", [("stats",), ("refresh",), ("migrate",), ("demo", "--workflows", "5")])
def test_database_that_is_not_there(tmp_path: Path, command: tuple[str, ...]) -> None:
    """A database that does not answer is named by its address."""
    address = nobody()
    url = f"postgresql://user:{SECRET}@{address}/db"
    line = complaint(tmp_path, *command, exit_code=1, OMNINODE_POSTGRES_URL=url)
    assert address in line
    assert "OMNINODE_POSTGRES_URL" in line


@pytest.mark.parametrize("url", [f"mysql://u:{SECRET}@host/db", f"postgresql://u:{SECRET}@[host/db", SECRET])
def test_url_that_is_none(tmp_path: Path, url: str) -> None:
    """A database URL that cannot be read is not repeated."""
    assert "OMNINODE_POSTGRES_URL" in complaint(tmp_path, "stats", exit_code=2, OMNINODE_POSTGRES_URL=url)


def test_wrong_password(tmp_path: Path, database_url: str) -> None:
    """A server that does not let us in says so."""
    url = re.sub(r"://([^:]+):[^@]+@", rf"://\1:{SECRET}@", database_url)
    line = complaint(tmp_path, "stats", exit_code=1, OMNINODE_POSTGRES_URL=url)
    assert "password authentication failed" in line
    assert "OMNINODE_POSTGRES_URL" in line


def test_database_without_tables(tmp_path: Path, empty_database_url: str) -> None:
    """A database of one's own that is not ready names the command that makes it so."""
    assert "omninode migrate" in complaint(tmp_path, "stats", exit_code=1, OMNINODE_POSTGRES_URL=empty_database_url)


def test_migrate_makes_it_ready(tmp_path: Path, empty_database_url: str) -> None:
    """After the command that the error names, the first one works; a second migration has nothing to do."""
    command = CommandLine(tmp_path, {"OMNINODE_POSTGRES_URL": empty_database_url})
    assert "applied" in command.done("migrate")
    assert "up to date" in command.done("migrate")
    assert command.rows("stats") == []


@pytest.mark.parametrize("beneath", ["", "/lake"])
@pytest.mark.parametrize("command", ["replay", "ingest", "refresh"])
def test_lake_that_cannot_be(tmp_path: Path, events: str, file_in_the_way: str, command: str, beneath: str) -> None:
    """A lake where a file is in the way is named, with the variable to change."""
    arguments = (command, events) if command == "replay" else (command,)
    line = complaint(tmp_path, *arguments, exit_code=1, OMNINODE_LAKE=f"{file_in_the_way}{beneath}")
    assert file_in_the_way in line
    assert "OMNINODE_LAKE" in line


@pytest.mark.parametrize("command", [("stats",), ("produce", "--workflows", "5"), ("demo", "--workflows", "5")])
def test_home_that_cannot_be(tmp_path: Path, file_in_the_way: str, command: tuple[str, ...]) -> None:
    """A state folder where a file is in the way is named."""
    line = complaint(tmp_path, *command, exit_code=1, OMNINODE_HOME=file_in_the_way)
    assert file_in_the_way in line
