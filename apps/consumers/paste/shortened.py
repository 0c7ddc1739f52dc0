"""Numbers that a spreadsheet has written in short, with digits lost.

Without Django: a child process imports it.
"""

from __future__ import annotations

import re
from typing import Final

SHORTENED_NUMBER: Final = re.compile(
    r"[+-]?\d+(?:[.,]\d+)?E\+\d+|[+-]?\d+[.,]\d+E\d+", re.ASCII | re.IGNORECASE
)
"""A number as spreadsheets show one that does not fit its cell. ``12E5`` may be a booking's own number."""
