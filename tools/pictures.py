"""What the pictures of both apps share: a browser, and a limit of their size."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

MOST_BYTES = 100_000


@contextmanager
def chromium(*arguments: str) -> Iterator[Browser]:
    """The system's Chromium, without its sandbox; ends the program where there is none."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        raise SystemExit("chromium is missing")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", *arguments])
        yield browser
        browser.close()


def take(tab: Page, picture: Path) -> None:
    """Writes what a page shows; ends the program if that is too large for the repository."""
    tab.screenshot(path=picture)
    if picture.stat().st_size > MOST_BYTES:
        raise SystemExit(f"{picture} has {picture.stat().st_size} bytes")
