"""Measure how far a page's contents move without user input: its Cumulative Layout Shift."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page

_OBSERVE = """
window.shiftedBy = 0;
window.moved = [];
{
  const count = entries => {
    for (const entry of entries) {
      if (entry.hadRecentInput) continue;
      window.shiftedBy += entry.value;
      for (const { node, previousRect, currentRect } of entry.sources)
        window.moved.push(
          `${node?.nodeName ?? "gone"}.${node?.className ?? ""}` +
          ` from ${previousRect.x},${previousRect.y} to ${currentRect.x},${currentRect.y}` +
          ` after ${Math.round(entry.startTime)} ms`);
    }
  };
  const observer = new PerformanceObserver(list => count(list.getEntries()));
  observer.observe({ type: "layout-shift", buffered: true });
  window.countShifts = () => count(observer.takeRecords());
}
"""
# Two frames later the last change has been painted.
_READ = """async () => {
  const frame = () => new Promise(requestAnimationFrame);
  await frame();
  await frame();
  await new Promise(resolve => setTimeout(resolve));
  window.countShifts();
  return [window.shiftedBy, window.moved, performance.timeOrigin];
}"""
_RESTORE = "([by, moved, _]) => { window.shiftedBy = by; window.moved = moved; }"


def watch_shifts(page: Page) -> None:
    """Measure from now on, on every page that the window loads."""
    page.add_init_script(_OBSERVE)


def shifted(page: Page) -> float:
    """The shift since the page was loaded, without shifts caused by the person; 0 means none."""
    by, *_ = page.evaluate(_READ)
    return float(by)


def moved(page: Page) -> list[str]:
    """The elements that were moved, from where to where and when, for the message of a test."""
    _, elements, _ = page.evaluate(_READ)
    return [*map(str, elements)]


@contextmanager
def leaving_out_shifts(page: Page) -> Iterator[None]:
    """Leave out the shifts within the block, which answer what the person does in it.

    The browser leaves out those within half a second after input. A busy machine needs longer. Wait for the
    answer inside the block, and load no page there.
    """
    before = page.evaluate(_READ)
    yield
    after = page.evaluate(_READ)
    assert after[-1] == before[-1], "another page was loaded, whose shifts count"
    page.evaluate(_RESTORE, before)
