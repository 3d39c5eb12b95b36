"""Bring the tables of a database up to those of this version."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sql.connection import Connection
from sql.errors import DatabaseNewer, MigrationEdited, database_errors
from sql.queries import query


@dataclass(frozen=True)
class Migration:
    """One file of sql/migrations. Files are applied in the order of their names."""

    name: str
    statements: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, in hex."""
        return hashlib.sha256(self.statements.encode()).hexdigest()


def migrate(connection: Connection, migrations: Sequence[Migration] | None = None) -> list[str]:
    """Apply what is pending, each migration in a transaction of its own, and return the names of those applied.

    Without `migrations`, those of this package. Safe to run twice, and by two processes at once. Raises
    `DatabaseNewer` or `MigrationEdited`, and then changes nothing.
    """
    known = package_migrations() if migrations is None else migrations
    return [migration.name for migration in known if _apply(connection, migration, known)]


def package_migrations() -> list[Migration]:
    """Return the migrations of this package in their order."""
    files = sorted(Path(__file__).with_name("migrations").glob("*.sql"))
    return [Migration(file.stem, file.read_text(encoding="utf-8")) for file in files]


def _apply(connection: Connection, migration: Migration, known: Sequence[Migration]) -> bool:
    """Apply the migration unless the database has seen it."""
    with database_errors(), connection.transaction():
        connection.execute(query("take_migration_turn"))
        connection.execute(query("create_schema_migrations"))
        seen: dict[str, str] = dict(connection.execute(query("get_migrations")).fetchall())
        _verify(seen, known)
        if migration.name in seen:
            return False
        connection.execute(migration.statements)
        connection.execute(query("record_migration"), {"name": migration.name, "checksum": migration.checksum})
        return True


def _verify(seen: Mapping[str, str], known: Sequence[Migration]) -> None:
    checksums = {migration.name: migration.checksum for migration in known}
    for name, checksum in seen.items():
        if name not in checksums:
            raise DatabaseNewer(f"The database is newer than this program, it has {name}. Upgrade the program.")
        if checksums[name] != checksum:
            raise MigrationEdited(f"Migration {name} was edited after it had been applied. Restore it, add a new one.")


__all__ = ["Migration", "migrate", "package_migrations"]
