"""How texts are read as dates: one table for the server, the page's script and the browser tests.

``date_cases.json`` has for each text its reading in both orders of numbers: an ISO date, ``short-year``,
``impossible`` (a day that the calendar does not have) or ``not-a-date``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

ORDERS: Final = ("day-month", "month-day")
SHORT_YEAR: Final = "short-year"
GROUPS: list[dict[str, Any]] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
TEXTS: list[str] = [text for group in GROUPS for text in group["texts"]]
HALF_TYPED: list[str] = sorted({text[:end] for text in TEXTS for end in range(len(text))} - {*TEXTS})
