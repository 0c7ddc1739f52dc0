"""Every component in every state: its look compared with pictures, accessibility rules, narrow windows.

The pictures are in ``tests/e2e/gallery/``; ``make gallery`` takes them again. They are a third of the size of
the page. Browsers draw letters a little differently, so the averages of small and of large squares are
compared: a changed word or distance shows in the small ones, a changed colour of letters in the large ones.
The font is the same everywhere.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image, ImageChops
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import FloatRect, Page

from apps.accounts.models import User
from tests.e2e.windows import Windows

pytestmark = pytest.mark.e2e

PICTURES = Path(__file__).parent / "gallery"
WIDTHS = {"wide": 1100, "narrow": 320}
MODES = {
    "light": {"color_scheme": "light", "forced_colors": "none"},
    "dark": {"color_scheme": "dark", "forced_colors": "none"},
    "forced": {"color_scheme": "light", "forced_colors": "active"},
}
SCALE = 3
# Squares of so many pixels, and the difference of their average colours (of 255) that is tolerated.
TOLERATED = {9: 30, 33: 4}
TOLERATED_HEIGHT = 1  # pixels
STRIP = 8000  # pixels; a surface of the browser has at most 16,384 rows
FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf")
# Exact outlines and positions, so that settings for hinting and smoothing change nothing.
STYLE = """
:root { --font: "DejaVu Sans" !important; --mono: "DejaVu Sans Mono" !important; }
body { text-rendering: geometricPrecision; }
"""
BOXES = """() => Object.fromEntries([...document.querySelectorAll("[data-example]")].map(example => {
  const box = example.getBoundingClientRect();
  return [example.dataset.example, [Math.round(box.top + scrollY), Math.round(box.height)]];
}))"""
Boxes = dict[str, tuple[int, int]]
"""The top and the height of each example, in pixels of the page."""
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@pytest.mark.parametrize("width", WIDTHS)
def test_components_look_as_in_the_pictures(
    windows: Windows, staff: User, tmp_path: Path, width: str
) -> None:
    if not FONT.exists():
        assert not os.environ.get("CI"), "In CI the font of the pictures must be there"
        pytest.skip("There is no font DejaVu Sans (Debian: apt-get install fonts-dejavu-core)")
    page = windows.open(staff, viewport={"width": WIDTHS[width], "height": 900}, bypass_csp=True)
    _open(page)
    page.add_style_tag(content=STYLE)
    changed: list[str] = []
    for mode, media in MODES.items():
        page.emulate_media(**media)  # type: ignore[arg-type]  # literals
        boxes: Boxes = page.evaluate(BOXES)
        taken = _taken(page)
        taken.save(tmp_path / f"{mode}-{width}.png", compress_level=1)
        path = PICTURES / f"{mode}-{width}.png"
        if os.environ.get("RENEW_GALLERY"):
            _store(path, taken, boxes)
        changed += [f"{mode}, {width}: {change}" for change in _changes(path, taken, boxes)]
    assert changed == [], f"The pictures of this run are in {tmp_path}; make gallery accepts them"


def test_gallery_is_accessible_in_every_mode_and_fits_a_narrow_window(windows: Windows, staff: User) -> None:
    page = windows.open(staff, viewport={"width": 1100, "height": 900})
    _open(page)
    broken = []
    for mode, media in MODES.items():
        page.emulate_media(**media)  # type: ignore[arg-type]  # literals
        rules = {
            "duplicate-id-aria": {"enabled": False},  # states of one component repeat its id
            "color-contrast": {"enabled": mode != "forced"},  # there the colours are the system's
        }
        options = {"resultTypes": ["violations"], "runOnly": WCAG, "rules": rules}
        violations = Axe().run(page, options=options).response["violations"]
        broken += [f"{mode}: {node['failureSummary']}" for one in violations for node in one["nodes"]]
    assert broken == []
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") == 320


def _open(page: Page) -> None:
    """Open the gallery, without transitions, which would be compared half-way."""
    page.emulate_media(reduced_motion="reduce")
    page.goto("/components/")
    page.locator(".navigation-toggle").evaluate_all("all => all.forEach(one => { one.open = true; })")


def _taken(page: Page) -> Image.Image:
    width, height = page.evaluate("[innerWidth, document.documentElement.scrollHeight]")
    picture = Image.new("RGB", (width, height))
    for top in range(0, height, STRIP):
        clip: FloatRect = {"x": 0, "y": top, "width": width, "height": min(STRIP, height - top)}
        strip = page.screenshot(full_page=True, clip=clip, animations="disabled", caret="hide")
        picture.paste(Image.open(BytesIO(strip)), (0, top))
    return picture


def _store(path: Path, taken: Image.Image, boxes: Boxes) -> None:
    """Store a small picture of every fourth shade, which halves the file, and the places of its examples."""
    notes = PngInfo()
    notes.add_text("boxes", json.dumps(boxes))
    shades = taken.reduce(SCALE).point(lambda shade: min(255, (shade + 2) // 4 * 4))
    shades.save(path, optimize=True, pnginfo=notes)


def _changes(path: Path, taken: Image.Image, boxes: Boxes) -> Iterator[str]:
    """The components that differ from the stored picture, and how much."""
    with Image.open(path) as stored:
        before: Boxes = json.loads(stored.info["boxes"])
        old = stored.convert("RGB")
    new = taken.reduce(SCALE)
    yield from (f"{name} is new or gone" for name in sorted(boxes.keys() ^ before.keys()))
    for name in before.keys() & boxes.keys():
        (top, height), (old_top, old_height) = boxes[name], before[name]
        if abs(height - old_height) > TOLERATED_HEIGHT:
            yield f"{name} is {height} px high instead of {old_height}"
            continue
        for square, tolerated in TOLERATED.items():
            rows = min(height, old_height) // SCALE
            difference = _difference(
                new.crop((0, top // SCALE, new.width, top // SCALE + rows)),
                old.crop((0, old_top // SCALE, old.width, old_top // SCALE + rows)),
                square // SCALE,
            )
            if difference > tolerated:
                yield f"{name} differs by {difference} of 255 in squares of {square} px"


def _difference(one: Image.Image, other: Image.Image, square: int) -> int:
    """The largest difference between the average colours of squares."""
    extremes = ImageChops.difference(one.reduce(square), other.reduce(square)).getextrema()
    return max(high for _low, high in extremes)  # type: ignore[misc]  # a pair for each channel
