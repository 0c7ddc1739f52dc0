"""The chart over time as an SVG file of its own, which needs neither style sheet nor script."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.template.loader import render_to_string

from apps.consumers.models import Outcome
from apps.history.presenters.figures import HEIGHT, SLOT, Strip, TimePlot

WIDTH, LEFT, RIGHT = 1_000, 70, 20
TOP, STRIP, DRAWN = 84, 140, 88  # of the first strip; from one strip to the next; of the bars
# Dark enough on white (WCAG 1.4.11), as static/css/tokens.css.
_COLOURS: Final = {
    Outcome.CREATED: "#1d7a3e",
    Outcome.UNKNOWN: "#a96400",
    Outcome.REJECTED: "#c0232f",
    Outcome.SENDING: "#2266aa",
}
_OTHER: Final = "#66767f"


@dataclass(frozen=True, slots=True)
class DrawnBar:
    """A bar in units of the drawing. ``is_incomplete``: outlined with dashes."""

    x: str
    y: str
    width: str
    height: str
    text: str
    is_incomplete: bool


@dataclass(frozen=True, slots=True)
class DrawnStrip:
    """The bars of one outcome. ``title_y``: of its title; ``top_y`` and ``base_y``: the ends of its axis."""

    title: str
    top: str
    colour: str
    title_y: int
    top_y: int
    base_y: int
    bars: tuple[DrawnBar, ...]


def svg_file(time: TimePlot, *, description: str, incomplete: str) -> bytes:
    """The drawing, with title and description."""
    strips = tuple(_strip(strip, index, time.width) for index, strip in enumerate(time.strips))
    context = {
        "time": time,
        "description": description,
        "incomplete": incomplete,
        "strips": strips,
        "width": WIDTH,
        "left": LEFT,
        "right": WIDTH - RIGHT,
        "axis_y": TOP + STRIP * len(strips),
        "height": TOP + STRIP * len(strips) + (44 if incomplete else 20),
        "labels": _labels(time.axis),
    }
    return render_to_string("history/figures.svg", context).encode()


def _strip(strip: Strip, index: int, width: int) -> DrawnStrip:
    across, up = (WIDTH - LEFT - RIGHT) / width, DRAWN / HEIGHT
    top = TOP + STRIP * index + 24
    bars = tuple(
        DrawnBar(
            x=f"{LEFT + box.left * across:.2f}",
            y=f"{top + float(box.top) * up:.2f}",
            width=f"{(SLOT - 2) * across:.2f}",
            height=f"{float(box.height) * up:.2f}",
            text=box.text,
            is_incomplete=box.is_incomplete,
        )
        for box in strip.boxes
    )
    title = f"{strip.outcome.label}: {strip.total.text} ({strip.peak})"
    colour = _COLOURS.get(strip.outcome, _OTHER)
    return DrawnStrip(title, strip.top, colour, top - 12, top, top + DRAWN, bars)


def _labels(axis: tuple[str, ...]) -> list[tuple[str, int, str]]:
    """The labels of the horizontal axis: text, position, and the part of the text that is there."""
    ends = (LEFT, "start"), ((LEFT + WIDTH - RIGHT) // 2, "middle"), (WIDTH - RIGHT, "end")
    return [(text, x, anchor) for text, (x, anchor) in zip(axis, ends, strict=False)]
