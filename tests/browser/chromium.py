"""A real headless Chromium: Debian's, with a profile of its own."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.parts import install_from_debian, require_part

_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_WAIT_MS = 180_000


def find_chromium() -> str:
    """Return the program; install it if need be and possible, else skip the test and name the part at the end."""
    return require_part("chromium", find=lambda: shutil.which("chromium"), install=install_from_debian("chromium"))


@contextmanager
def open_page(program: str, profile: Path) -> Iterator[Page]:
    """Yield an empty page of a new browser. Whatever is waited for may take a minute."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            profile, executable_path=program, args=_FLAGS, viewport={"width": 1600, "height": 1000}
        )
        try:
            browser.set_default_timeout(_WAIT_MS)
            yield browser.new_page()
        finally:
            browser.close()
