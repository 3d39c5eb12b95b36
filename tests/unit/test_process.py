"""Processes are told apart, ended, and reaped."""

import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace

import pytest

from omninode.process import free_port, free_ports, process_of

_WAIT = "import time; print(flush=True); time.sleep(60)"
_STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {_WAIT}"


def child(program: str) -> "subprocess.Popen[bytes]":
    """Start a child and return when it has begun."""
    started = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert started.stdout is not None
    started.stdout.readline()
    started.stdout.close()
    return started


def test_process_ends_by_the_first_signal() -> None:
    """A child runs, is ended by a signal that it obeys, and leaves no zombie."""
    process = process_of(child(_WAIT))
    assert process.is_running()

    process.end(signal.SIGTERM, timeout_seconds=5)

    assert not process.is_running()
    assert not process_exists(process.pid)


def test_stubborn_process_is_killed() -> None:
    """A child that ignores the signal is killed after the time given."""
    process = process_of(child(_STUBBORN))
    process.end(signal.SIGTERM, timeout_seconds=0.1)
    assert not process_exists(process.pid)


def test_later_process_with_the_same_number_is_another() -> None:
    """A process that started at another time is not the one that was meant, and is left alone."""
    process = process_of(child(_WAIT))
    try:
        other = replace(process, started="1")
        assert not other.is_running()
        other.end(signal.SIGKILL, timeout_seconds=1)
        assert process.is_running()
    finally:
        process.end(signal.SIGKILL, timeout_seconds=1)


def test_process_that_is_gone_is_not_running() -> None:
    """A child that ended by itself, reaped or not, does not run; to end it once more does nothing."""
    process = process_of(child("print(flush=True)"))
    process.end(signal.SIGTERM, timeout_seconds=5)
    process.end(signal.SIGTERM, timeout_seconds=5)
    assert not process.is_running()


def test_free_port_can_be_taken() -> None:
    """A free port is one that a server can listen on."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", free_port()))
        server.listen()


def test_free_ports_are_ones_that_nobody_is_given() -> None:
    """They differ, no client and no server gets one that did not ask for it, and one in use is none of them."""
    ports = free_ports(200)
    assert len({*ports}) == 200
    with socket.socket() as client:
        client.bind(("127.0.0.1", 0))
        assert client.getsockname()[1] > max(ports)
    with pytest.raises(OSError, match="ports of the loopback address are wanted"):
        free_ports(20_000)
    with socket.socket() as server:
        server.bind(("127.0.0.1", ports[0]))
        assert ports[0] not in free_ports(12_000)


def process_exists(pid: int) -> bool:
    """Tell whether any process has this number; a zombie has."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
