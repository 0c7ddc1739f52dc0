"""Cells whose value a spreadsheet program has lost. They are passed on as texts that no field accepts.

A blank or rounded value would look like what a person entered, and the form would send it.
Without Django: the child process imports this module.
"""

from __future__ import annotations

import math
import re
from typing import Final

NO_RESULT: Final = "=…"
"""The text of a cell with a formula whose result the file does not have."""
UNKNOWN_ERROR: Final = "#VALUE!"
"""The text of a cell with an error that is not recognised."""

# Spreadsheets keep 15 digits of a number.
_TOO_MANY_DIGITS: Final = 10**15
# #REF!, #NAME?, #DIV/0!, #N/A, German #NV and #BEZUG!, Spanish #¡REF! and #N/D, Err:502; a column that is too
# narrow is copied as #####. A booking's own number may be "#12" or "#A7".
_ERROR: Final = re.compile(
    r"#[¡¿]?[^\W\d][\w /.]*[!?]|#(?:N/[A-Z]|I/T|NV|DIV/0|YOK|BRAK|HIÁNYZIK)|#{3,}"
    r"|(?:Err|Fehler|Erreur):\d{3}",
    re.IGNORECASE,
)


def is_error(text: str) -> bool:
    """Whether a cell is what a spreadsheet program shows in place of a value."""
    return _ERROR.fullmatch(text.strip()) is not None


def is_formula(text: str) -> bool:
    """Whether a cell is a formula, or stands for one without a result."""
    return text.lstrip().startswith("=")


def is_shortened(value: float) -> bool:
    """Whether a spreadsheet has lost digits of this number."""
    return abs(value) >= _TOO_MANY_DIGITS


def shortened_text(value: float) -> str:
    """A number of which :func:`is_shortened` holds, as spreadsheets write it: ``1.23456789012340E+15``."""
    return f"{value:.14E}" if math.isfinite(value) else UNKNOWN_ERROR
