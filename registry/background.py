"""Work that goes on beside a block, on a thread of its own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread


@contextmanager
def running(work: Callable[[Event], None], name: str) -> Iterator[None]:
    """Run work on a thread of this name until the end of the block. It returns soon after its event is set."""
    stop = Event()
    thread = Thread(target=work, args=(stop,), name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


__all__ = ["running"]
