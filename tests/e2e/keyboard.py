"""A person who uses the keyboard only, and what it costs them."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Page

MOST_TABS = 60


@dataclass
class Keyboard:
    """Presses keys, and counts those that enter no data."""

    page: Page
    without_data: int = 0

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.without_data += 1

    def tab_to(self, selector: str) -> None:
        """Tab from the focus to the element; from the start of the page over the skip link."""
        if self.page.evaluate("document.activeElement === document.body"):
            self.press("Tab")
            self.press("Enter")
        for _ in range(MOST_TABS):
            if self.page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
            self.press("Tab")
        raise AssertionError(f"Tab does not lead to {selector}")

    def type_into(self, selector: str, text: str) -> None:
        """Tab to a field and type, unless the field has the text already."""
        if self.page.locator(selector).evaluate(
            "field => field.tagName === 'SELECT' ? field.selectedOptions[0].label : field.value"
        ) not in (text, f"+353 {text}"):
            self.tab_to(selector)
            self.page.keyboard.type(text)

    def sees_focus(self) -> bool:
        """Whether the middle of the element that has the focus is in view, and nothing covers it."""
        return bool(
            self.page.evaluate(
                """() => { const { x, y, width, height } = document.activeElement.getBoundingClientRect();
                return document.activeElement.contains(
                  document.elementFromPoint(x + width / 2, y + height / 2)); }"""
            )
        )

    def create(self) -> None:
        """Enter in a text field; from another control, Ctrl+Enter."""
        in_text = self.page.evaluate("document.activeElement.matches('input[type=text]')")
        self.press("Enter" if in_text else "Control+Enter")
