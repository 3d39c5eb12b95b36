"""A password over TLS, as a user sets it: environment variables and the command line, on Apache Kafka."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from time import monotonic

import pytest

from ingest.errors import KafkaFailure
from ingest.kafka import KafkaSettings, ensure_topics
from tests.apache_kafka.cluster import apache_kafka
from tests.apache_kafka.jars import apache_kafka_jars
from tests.apache_kafka.secured import scram_over_tls
from tests.command import CommandLine
from tests.published import Published, believable

PASSWORD = "correct-horse"
WRONG = "battery-staple"
SECONDS = 60.0


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaSettings]:
    """A broker that lets in nobody but ada."""
    folder = tmp_path_factory.mktemp("secured")
    security = scram_over_tls(folder, user="ada", password=PASSWORD)
    with apache_kafka(folder, apache_kafka_jars(), security=security) as cluster:
        kafka = cluster.settings("test")
        ensure_topics(kafka)
        yield kafka


def command_line(folder: Path, kafka: KafkaSettings) -> CommandLine:
    """The command line with these settings as environment variables."""
    options = {f"OMNINODE_KAFKA_{name.upper().replace('.', '_')}": value for name, value in kafka.options.items()}
    named = {
        "OMNINODE_HOME": str(folder / "home"),
        "OMNINODE_ENV": kafka.environment,
        "OMNINODE_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "OMNINODE_LAKE": str(folder / "lake"),
    }
    return CommandLine(folder, options | named)


def refused(folder: Path, kafka: KafkaSettings, **changes: str) -> str:
    """Ingest with other options, which must fail in time; return the one line that it says."""
    changed = {name.replace("_", "."): value for name, value in changes.items()}
    began = monotonic()
    done = command_line(folder, replace(kafka, options={**kafka.options, **changed})).run("ingest", "--until-end")
    assert monotonic() - began < SECONDS
    assert done.returncode == 1, done.stderr
    return the_only_line(done)


def the_only_line(done: "CompletedProcess[str]") -> str:
    """What a command that failed has said: one line, without a secret."""
    said = done.stdout + done.stderr
    assert PASSWORD not in said
    assert WRONG not in said
    assert said.count("\n") == 1, said
    return said


def test_password_over_tls(secured: KafkaSettings, tmp_path: Path) -> None:
    """With the right password and authority `omninode ingest --until-end` brings everything into the lake."""
    published = Published(secured)
    published.publish(believable(workflows=50))
    done = command_line(tmp_path, secured).run("ingest", "--until-end")
    assert done.returncode == 0, done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    published.assert_in_lake(str(tmp_path / "lake"))


def test_wrong_password(secured: KafkaSettings, tmp_path: Path) -> None:
    """A wrong password is told in one line that says so and where to correct it, and not as a Kafka that is away."""
    line = refused(tmp_path, secured, sasl_password=WRONG)
    assert "refused the user or the password" in line
    assert "OMNINODE_KAFKA_SASL_PASSWORD" in line


def test_authority_that_we_do_not_trust(secured: KafkaSettings, tmp_path: Path) -> None:
    """A broker whose certificate nobody vouches for is told in one line that names the setting."""
    line = refused(tmp_path, secured, ssl_ca_location="probe")
    assert "OMNINODE_KAFKA_SSL_CA_LOCATION" in line


def test_plain_client_of_a_secured_broker(secured: KafkaSettings) -> None:
    """Who forgets about TLS and password is told in one line that names the address: it knows no more."""
    plain = replace(secured, options={})
    with pytest.raises(KafkaFailure, match=f"^Kafka at {secured.bootstrap_servers} does not answer") as failed:
        ensure_topics(plain, timeout_seconds=2)
    assert "\n" not in str(failed.value)
