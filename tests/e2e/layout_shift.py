"""How far things move on a page by themselves: its Cumulative Layout Shift."""

from __future__ import annotations

from playwright.sync_api import Page

_OBSERVE = """
window.shiftedBy = 0;
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shiftedBy += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
# Two frames later, what the last change moved has been told.
_READ = """() => new Promise(resolve =>
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => resolve(window.shiftedBy)))))"""


def watch_shifts(page: Page) -> None:
    """Count from here on, on every page that the window loads."""
    page.add_init_script(_OBSERVE)


def shifted(page: Page) -> float:
    """What has moved since the page was loaded, but for what the person did: 0 is nothing."""
    return float(page.evaluate(_READ))
