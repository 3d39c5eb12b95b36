"""What the environment says becomes plain values, and secrets stay hidden."""

from datetime import timedelta
from pathlib import Path

import pytest

from omninode.errors import BadInput
from omninode.settings import Settings

HERE = Path("/somewhere")


def read(**environ: str) -> Settings:
    return Settings.read(environ, folder=HERE)


def test_nothing_set_means_embedded_parts_under_the_home() -> None:
    """Without any variable everything is embedded, under `.omninode` of the current folder."""
    assert read() == Settings(home=HERE / ".omninode", lake="/somewhere/.omninode/lake")


def test_blank_is_not_set() -> None:
    """A variable of blanks says nothing."""
    names = [
        "OMNINODE_HOME",
        "OMNINODE_ENV",
        "OMNINODE_LAKE",
        "OMNINODE_POSTGRES_URL",
        "OMNINODE_KAFKA_BOOTSTRAP_SERVERS",
    ]
    assert read(**dict.fromkeys(names, "  ")) == read()


@pytest.mark.parametrize(
    ("told", "lake"),
    [
        ("", "/somewhere/.omninode/lake"),
        ("data", "/somewhere/data"),
        ("/data", "/data"),
        ("s3://bucket/lake", "s3://bucket/lake"),
        ("~/lake", str(Path.home() / "lake")),
    ],
)
def test_lake_is_a_folder_or_a_url(told: str, lake: str) -> None:
    """A relative folder starts at the current one; a URL is taken as it is."""
    assert read(OMNINODE_LAKE=told).lake == lake


def test_librdkafkas_options_are_passed_on() -> None:
    """OMNINODE_KAFKA_A_B is librdkafka's a.b; the bootstrap servers are apart."""
    told = read(OMNINODE_KAFKA_BOOTSTRAP_SERVERS="k:9092", OMNINODE_KAFKA_SASL_PASSWORD="p", OMNINODE_KAFKA_ACKS="all")
    assert (told.kafka_bootstrap_servers, told.kafka_options) == ("k:9092", {"sasl.password": "p", "acks": "all"})


def test_secrets_are_not_shown() -> None:
    """The settings can be printed: passwords and keys are not in it."""
    secrets = read(
        OMNINODE_KAFKA_SASL_PASSWORD="hush-1",
        OMNINODE_POSTGRES_URL="postgresql://u:hush-2@host/db",
        AWS_SECRET_ACCESS_KEY="hush-3",
    )
    assert secrets.lake_options == {"AWS_SECRET_ACCESS_KEY": "hush-3"}
    assert "hush" not in repr(secrets)


@pytest.mark.parametrize("prefix", ["a b", "a/b", "a\n", "é!"])
def test_prefix_that_no_topic_may_have_is_refused(prefix: str) -> None:
    """A wrong OMNINODE_ENV is named, with what it may be."""
    with pytest.raises(BadInput, match=r"^OMNINODE_ENV: .* use letters, digits"):
        read(OMNINODE_ENV=f"x{prefix}x")


@pytest.mark.parametrize("url", ["mysql://u:hush@h/d", "hush", "/hush/socket", "host=h password=hush"])
def test_url_of_something_else_is_refused_without_being_shown(url: str) -> None:
    """A wrong OMNINODE_POSTGRES_URL is named, and not repeated: it may hold a password."""
    with pytest.raises(BadInput, match="OMNINODE_POSTGRES_URL") as refused:
        read(OMNINODE_POSTGRES_URL=url)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("share", ["2", "-0.1", "half", "nan"])
def test_share_that_is_none_is_named(share: str) -> None:
    """The cap on dead letters is a number from 0 to 1."""
    with pytest.raises(BadInput, match=r"^OMNINODE_DEAD_LETTER_CAP: .* is no share; write a number from 0 to 1"):
        Settings.read({"OMNINODE_DEAD_LETTER_CAP": share}, folder=Path("/"))


@pytest.mark.parametrize("told", ["soon", "7", "-1d", "30m"])
def test_a_retention_that_is_none_is_refused(told: str) -> None:
    """No length of time, or one under an hour: the message names the variable."""
    assert read(OMNINODE_LAKE_RETENTION="36h").lake_retention == timedelta(hours=36)
    with pytest.raises(BadInput, match="OMNINODE_LAKE_RETENTION"):
        read(OMNINODE_LAKE_RETENTION=told)
