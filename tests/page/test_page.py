"""The server's page in Chromium: what a reader does, at the width of a phone and in the dark, without an error."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from mmoe.export.artifact.artifact import Artifact
from mmoe.runtime_bindings.python.model import Model
from tests.export.serve.conftest import served

# The machine may be busy: Playwright's own limit is five seconds.
_PATIENCE_MS = 120_000
expect.set_options(timeout=_PATIENCE_MS)

LIVELY = {"max_tokens": "40", "temperature": "0.7"}


@pytest.fixture(scope="module")
def address(demo_artifact: Artifact) -> Iterator[str]:
    with Model(demo_artifact.folder) as model, served(model) as found:
        yield found


@pytest.fixture(params=[(1100, 760, "light"), (390, 780, "light"), (390, 780, "dark")], ids=str)
def page(request: pytest.FixtureRequest, address: str) -> Iterator[Page]:
    width, height, scheme = request.param
    errors: list[str] = []
    with sync_playwright() as playwright:
        found = os.environ.get("CHROMIUM") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        opened.set_default_timeout(_PATIENCE_MS)
        opened.on("console", lambda message: errors.append(message.text))
        opened.on("pageerror", lambda error: errors.append(str(error)))
        opened.goto(address)
        yield opened
        browser.close()
    # A refusal is told on the page, and by the browser.
    assert [error for error in errors if "status of 400" not in error] == []


def ask(page: Page, text: str) -> None:
    page.get_by_label("Message", exact=True).fill(text)
    page.get_by_role("button", name="Send").click()


def choose(page: Page, **settings: str) -> None:
    page.get_by_role("button", name="Settings").click()
    for name, value in settings.items():
        page.locator(f"#{name}").fill(value)
    page.get_by_role("button", name="Settings").click()


def test_a_conversation(page: Page) -> None:
    expect(page.get_by_role("heading")).to_have_text("demo")
    choose(page, **LIVELY)
    for turn, question in enumerate(("Who made the heaven and the earth?", "And who made man?"), 1):
        ask(page, question)
        expect(page.locator("article.assistant .figures")).to_have_count(turn)
    expect(page.locator("article.user")).to_have_count(2)
    figures = page.locator("article.assistant .figures").last.inner_text()
    assert re.search(r"\d+ tokens · \d+ tokens/s · first after [\d.]+ s · prompt \d+ tokens", figures)
    picture = page.get_by_role("img", name=re.compile(r"\d+ of 80 experts used, in 5 layers")).last
    expect(picture).to_be_visible()
    expect(picture.locator("rect")).to_have_count(80)
    # Nothing reaches beyond the edge of a phone.
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.get_by_role("button", name="New chat").click()
    expect(page.locator("article")).to_have_count(0)
    expect(page.get_by_label("Message", exact=True)).to_be_focused()


def test_an_answer_is_stopped_and_the_next_one_comes(page: Page) -> None:
    choose(page, temperature="1.5", max_tokens="440")
    ask(page, "Say much.")
    page.keyboard.press("Escape")
    expect(page.locator("article.assistant .figures")).to_have_count(1)
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    choose(page, max_tokens="5")
    ask(page, "And now little.")
    expect(page.locator("article.assistant .figures").last).to_contain_text("5 tokens")


def test_what_the_server_refuses_is_said(page: Page) -> None:
    choose(page, temperature="7")
    ask(page, "Hot.")
    expect(page.locator("article.failed")).to_contain_text("temperature: must be a number from 0 to 2")


def test_by_keyboard_alone(page: Page) -> None:
    choose(page, max_tokens="8")
    page.get_by_label("Message", exact=True).focus()
    page.keyboard.type("One line")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("and another")
    page.keyboard.press("Enter")
    expect(page.locator("article.user")).to_contain_text("One line\nand another")
    expect(page.locator("article.assistant .figures")).to_have_count(1)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Send")).to_be_focused()
