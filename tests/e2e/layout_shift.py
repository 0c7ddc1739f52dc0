"""Measure how far a page's contents move without user input: its Cumulative Layout Shift."""

from __future__ import annotations

from playwright.sync_api import Page

_OBSERVE = """
window.shiftedBy = 0;
window.moved = [];
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) {
    if (entry.hadRecentInput) continue;
    window.shiftedBy += entry.value;
    for (const { node, previousRect, currentRect } of entry.sources)
      window.moved.push(
        `${node?.nodeName ?? "gone"}.${node?.className ?? ""}` +
        ` from ${previousRect.x},${previousRect.y} to ${currentRect.x},${currentRect.y}` +
        ` after ${Math.round(entry.startTime)} ms`);
  }
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


def forget_shifts(page: Page) -> None:
    """Forget the shifts so far.

    The browser leaves out those within half a second after input; an answer to what was typed may come later.
    """
    page.evaluate(_READ)
    page.evaluate("() => { window.shiftedBy = 0; window.moved = []; }")


def moved(page: Page) -> list[str]:
    """The elements that were moved, from where to where and when, for the message of a test."""
    return [str(name) for name in page.evaluate("window.moved")]
