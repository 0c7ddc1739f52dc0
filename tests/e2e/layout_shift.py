"""Measure how far a page's contents move without user input: its Cumulative Layout Shift."""

from __future__ import annotations

from playwright.sync_api import Page

_OBSERVE = """
window.shiftedBy = 0;
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shiftedBy += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
# Two frames later the shift of the last change has been reported.
_READ = """() => new Promise(resolve =>
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => resolve(window.shiftedBy)))))"""


def watch_shifts(page: Page) -> None:
    """Measure from now on, on every page that the window loads."""
    page.add_init_script(_OBSERVE)


def shifted(page: Page) -> float:
    """The shift since the page was loaded, without shifts caused by the person; 0 means none."""
    return float(page.evaluate(_READ))
