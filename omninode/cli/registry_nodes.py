"""`omninode registry register`, `deregister`, `heartbeat`, `show` and `diff`."""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from omninode.cli.door import instant, read_settings
from omninode.cli.letter_rows import shown
from omninode.cli.output import Column, OutputFormat, Row, csv_text, json_text, print_rows, print_table
from omninode.environment import environment
from omninode.errors import BadInput, OmninodeError
from registry.checks import checked_node
from registry.consul import is_wanted
from registry.enums import EnumHealthStatus
from registry.models import ModelNodeDifference, ModelNodeRegistrationOutput
from registry.service import NodeRegistryService

Found = TypeVar("Found")

_WAITING = (
    "omninode: Postgres is away: {:,} changes wait on this machine, and are brought in by the next registry command or "
    "service that finds it back\n"
)


class NoSuchNode(OmninodeError):
    """The registry has no such node."""


class CannotRegister(OmninodeError):
    """A good node could not be registered."""


def run_register(nodes: Sequence[Any], output: OutputFormat) -> None:
    """Register nodes, and say what became of each; those that are refused are named on standard error."""
    answers = _on_registry(lambda registry: registry.register_nodes(nodes))
    print_rows([_answer_row(answer) for answer in answers], _REGISTERED, output, title="Registered")
    failed = [place for place, answer in enumerate(answers) if not answer.success]
    if failed:
        first = failed[0]
        many = f"{len(failed):,} of {len(nodes):,} nodes failed; the first is number {first + 1}: "
        line = (many if len(nodes) > 1 else "") + str(answers[first].error_message)
        raise BadInput(line) if _is_bad(nodes[first]) else CannotRegister(line)


def run_deregister(node_ids: Sequence[str], output: OutputFormat) -> None:
    """Remove nodes; those that are not there are named."""

    async def remove(registry: NodeRegistryService) -> list[bool]:
        return [await registry.deregister_node(node_id) for node_id in node_ids]

    were_there = _on_registry(remove)
    rows = [{"node_id": node_id, "deregistered": was} for node_id, was in zip(node_ids, were_there, strict=True)]
    print_rows(rows, [_ID, _yes("deregistered")], output, title="Deregistered")
    _require(node_ids, were_there)


def run_heartbeat(node_ids: Sequence[str], health: EnumHealthStatus, output: OutputFormat) -> None:
    """Say that nodes are alive, and how they are; those that are not there are named."""

    async def beat(registry: NodeRegistryService) -> list[bool]:
        return [await registry.heartbeat(node_id, health) for node_id in node_ids]

    are_there = _on_registry(beat)
    rows = [
        {"node_id": node_id, "health_status": health.value, "registered": is_there}
        for node_id, is_there in zip(node_ids, are_there, strict=True)
    ]
    print_rows(rows, [_ID, _text("health", "health_status"), _yes("registered")], output, title="Heartbeats")
    _require(node_ids, are_there)


def run_show(node_id: str, as_of: str | None, output: OutputFormat) -> None:
    """Print all that is known of a node, now or at a time."""
    at = instant(as_of, "--as-of")
    found = _on_registry(lambda registry: registry.get_node_by_id(node_id, as_of=at))
    if found is None:
        then = "" if at is None else f" was registered at {at:%Y-%m-%d %H:%M:%S} UTC"
        raise NoSuchNode(f"no node {node_id}{then}; `omninode registry discover` shows those that there are")
    match output:
        case OutputFormat.JSON:
            sys.stdout.write(json_text(found) + "\n")
        case OutputFormat.CSV:
            sys.stdout.write(csv_text([_flat(found)]))
        case OutputFormat.TABLE:
            print_table([{"name": name, "value": found[name]} for name in found], _SHOWN, title=f"Node {node_id}")


def run_diff(since: str, until: str | None, output: OutputFormat) -> None:
    """Print how the nodes differ between two times."""
    first, last = instant(since, "T1"), instant(until, "T2")
    assert first is not None
    found = _on_registry(lambda registry: registry.diff(first, last))
    rows = [_difference_row(one, output) for one in found]
    if not rows:
        sys.stderr.write("omninode: the nodes are the same at both times\n")
    print_rows(rows, _DIFFERENCES, output, title="Nodes that differ")


def _on_registry(ask: Callable[[NodeRegistryService], Coroutine[Any, Any, Found]]) -> Found:
    async def run() -> Found:
        has_consul = is_wanted(environment(Path.cwd()))
        async with NodeRegistryService(
            enable_consul=has_consul, enable_postgres=True, settings=read_settings()
        ) as registry:
            found = await ask(registry)
            if registry.spooled_changes:
                sys.stderr.write(_WAITING.format(registry.spooled_changes))
            return found

    return asyncio.run(run())


def _is_bad(node: Any) -> bool:
    """Tell whether the node itself is to blame."""
    try:
        checked_node(node)
    except BadInput:
        return True
    return False


def _require(node_ids: Sequence[str], are_there: Sequence[bool]) -> None:
    missing = [node_id for node_id, is_there in zip(node_ids, are_there, strict=True) if not is_there]
    if missing:
        raise NoSuchNode(
            f"no node {', '.join(missing[:5])}{' and more' if len(missing) > 5 else ''}; "
            "`omninode registry discover` shows those that there are"
        )


def _answer_row(answer: ModelNodeRegistrationOutput) -> Row:
    said = answer.registration_result.model_dump(mode="json")
    return {"success": answer.success, **said, "error_message": answer.error_message}


def _difference_row(one: ModelNodeDifference, output: OutputFormat) -> Row:
    row = one.model_dump(mode="json")
    return {**_flat(row), "fields": ";".join(row["fields"])} if output is OutputFormat.CSV else row


def _flat(row: Row) -> Row:
    """What differs from node to node cannot have columns of its own."""
    return {
        name: json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
        for name, value in row.items()
    }


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return shown("-" if value is None else text, most=120)


def _what(row: Row) -> str:
    if row["before"] is None or row["after"] is None:
        return ""
    pairs = (f"{name} {_short(row['before'][name])} → {_short(row['after'][name])}" for name in row["fields"])
    return shown(", ".join(pairs), most=100)


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 30 else "…"


def _text(heading: str, name: str, most: int = 48) -> Column:
    return Column(heading, lambda row: shown(row[name], most=most), is_number=False)


def _yes(name: str) -> Column:
    return Column(name, lambda row: "yes" if row[name] else "no", is_number=False)


_ID = _text("id", "node_id")
_REGISTERED = [
    _ID,
    _text("status", "status"),
    Column("Postgres", lambda row: "yes" if row["postgres_registered"] else "no", is_number=False),
    Column("Consul", lambda row: "yes" if row["consul_registered"] else "no", is_number=False),
    Column("revision", lambda row: "-" if row["revision"] is None else str(row["revision"])),
    _text("what is wrong", "error_message", most=80),
]
_SHOWN = [_text("", "name"), Column("value", lambda row: _cell(row["value"]), is_number=False)]
_DIFFERENCES = [
    _ID,
    _text("change", "change"),
    Column("what", _what, is_number=False),
    Column("changes", lambda row: str(row["changes"])),
    Column("last at (UTC)", lambda row: row["changed_at"][:19].replace("T", " "), is_number=False),
]
