"""Migrations on a real server."""

import subprocess
import threading
from pathlib import Path

import pytest

import sql
from sql.connection import Connection, connect
from sql.embedded_place import wheel_programs
from sql.errors import DatabaseError, DatabaseNewer, MigrationEdited
from sql.migrate import Migration, migrate, package_migrations
from tests.postgres import a_database

ONE = Migration("0001_one", "CREATE TABLE one (x INTEGER);")
TWO = Migration("0002_two", "CREATE TABLE two (x INTEGER); INSERT INTO two VALUES (2);")


def dumped(url: str) -> str:
    """Return the definitions of all tables but the migrations' own, as pg_dump writes them."""
    command = [str(wheel_programs() / "pg_dump"), "--schema-only", "--exclude-table=schema_migrations", url]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return "\n".join(line for line in lines if not line.startswith(("\\restrict", "\\unrestrict")))


def test_migrations_make_the_schema(postgres_server: str, database_url: str) -> None:
    """The tables that the migrations make are those of schema.sql."""
    with a_database(postgres_server, "template0") as url:
        with connect(url) as connection:
            connection.execute(Path(sql.__file__).with_name("schema.sql").read_text())
        assert "CREATE TABLE public.codegen_metrics_aggregated" in dumped(url)
        assert dumped(url) == dumped(database_url)


def test_migrating_twice_is_migrating_once(empty_database_url: str) -> None:
    """The first run applies everything, the second nothing."""
    names = [migration.name for migration in package_migrations()]
    assert names
    with connect(empty_database_url) as connection:
        assert migrate(connection) == names
        assert migrate(connection) == []


def test_two_migrators_at_once(empty_database_url: str) -> None:
    """Each migration is applied once, by one or the other."""
    several = [Migration(f"{n:04}_table", f"CREATE TABLE t{n} (x INTEGER); SELECT pg_sleep(0.02);") for n in range(6)]
    applied: list[str] = []
    start = threading.Barrier(4)

    def run() -> None:
        with connect(empty_database_url) as connection:
            start.wait()
            applied.extend(migrate(connection, several))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(applied) == [migration.name for migration in several]


def test_what_is_pending_is_applied(empty_database_url: str) -> None:
    """A later version of the program adds only what is new."""
    with connect(empty_database_url) as connection:
        assert migrate(connection, [ONE]) == ["0001_one"]
        assert migrate(connection, [ONE, TWO]) == ["0002_two"]
        assert connection.execute("SELECT x FROM two").fetchall() == [(2,)]


def test_a_migration_that_fails_leaves_nothing(empty_database_url: str) -> None:
    """Neither half of its tables nor its name stays, and it can be repaired and applied."""
    broken = Migration("0002_two", "CREATE TABLE two (x INTEGER); SELECT 1 / 0;")
    with connect(empty_database_url) as connection:
        with pytest.raises(DatabaseError, match="division by zero"):
            migrate(connection, [ONE, broken])
        assert migrate(connection, [ONE, TWO]) == ["0002_two"]


def test_an_edited_migration_is_refused(empty_database_url: str) -> None:
    """A migration whose file changed since stops everything, and its name is given."""
    edited = Migration("0001_one", "CREATE TABLE one (x BIGINT);")
    with connect(empty_database_url) as connection:
        migrate(connection, [ONE])
        with pytest.raises(MigrationEdited, match="0001_one"):
            migrate(connection, [edited, TWO])
        assert not exists(connection, "two")


def test_a_newer_database_is_refused(empty_database_url: str) -> None:
    """An old program does not touch a database that a newer one has migrated."""
    with connect(empty_database_url) as connection:
        migrate(connection, [ONE, TWO])
        with pytest.raises(DatabaseNewer, match="0002_two"):
            migrate(connection, [ONE])


def exists(connection: Connection, table: str) -> bool:
    return connection.execute("SELECT to_regclass(%s) IS NOT NULL", [table]).fetchone() == (True,)
