"""A page with the person who sees it and the steps that lead to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page

from tests.e2e.world import World

Steps = Callable[[Page, World], object]


@dataclass(frozen=True)
class Seen:
    """How to reach a page: the name of its address, the person, and the steps."""

    name: str
    who: str
    steps: Steps
    what: str = ""

    def __str__(self) -> str:
        return f"{self.who}: {self.name} {self.what}".strip()


def at(name: str, who: str, address: str, what: str = "") -> Seen:
    """A page that is opened by its address; words in braces come from the world."""
    return Seen(name, who, lambda page, world: page.goto(address.format(world=world)), what)


def after(name: str, who: str, address: str, button: str, what: str) -> Seen:
    """The page after a button of the address has been pressed."""

    def steps(page: Page, world: World) -> None:
        page.goto(address.format(world=world))
        with page.expect_navigation():
            page.get_by_role("button", name=button).last.click()

    return Seen(name, who, steps, what)
