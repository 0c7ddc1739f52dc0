"""Find the lines of a machine-readable zone (MRZ) in a pasted text.

Blanks, lower case and other signs for the filler are accepted if exactly one reading has the lengths of a
format. Letters and digits are never replaced, and no line is made longer or shorter.
"""

from __future__ import annotations

import itertools
import re
import string
from dataclasses import dataclass
from enum import StrEnum

FILLER = "<"
_CAPITALS = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)
# Signs that readers, OCR and word processors write for one filler. None of them occurs in an MRZ.
_FILLERS = dict.fromkeys(
    map(ord, "\u2039\uff1c\u276e\u3008\u2329-\u2010\u2011\u2012\u2013\u2014\u2212"), FILLER
)
_DOUBLE_SIGN = "\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}"  # for one filler, or for two
_BLANKS = re.compile(r"[^\S\n]")
_CHARACTERS = re.compile("[A-Z0-9<]+")
_LOOKS_LIKE = re.compile(r"[A-Z][A-Z<][A-Z<]{3}[A-Z0-9<]*<<|<<<<")
_MAX_CHARACTERS = 1_000  # with blanks; the search below takes quadratic time
_MIN_CHARACTERS = 40  # shorter texts are rows: the shortest format has 72


class Format(StrEnum):
    """The formats of ICAO Doc 9303: parts 5 (TD1), 6 (TD2), 4 (TD3) and 7 (MRV-A, MRV-B)."""

    TD1 = "TD1"
    TD2 = "TD2"
    TD3 = "TD3"
    MRV_A = "MRV-A"
    MRV_B = "MRV-B"


class LinesFault(StrEnum):
    """Why a text that looks like an MRZ cannot be read."""

    LENGTHS = "lengths"
    AMBIGUOUS = "ambiguous"
    CHARACTERS = "characters"
    DOCUMENT_CODE = "document_code"


class NotReadable(ValueError):
    """The text looks like an MRZ but is not one. ``lengths``: the number of characters of each line."""

    def __init__(self, fault: LinesFault, lengths: tuple[int, ...] = ()) -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.lengths = lengths


@dataclass(frozen=True, slots=True, repr=False)
class MrzLines:
    """Two or three lines of equal length, and their format."""

    format: Format
    lines: tuple[str, ...]


def find_lines(text: str) -> MrzLines | None:
    """The MRZ that a text consists of; None if it does not look like one.

    Raises :class:`NotReadable` if it looks like an MRZ but has no format, or if it can be read in two ways.
    """
    if len(text) > _MAX_CHARACTERS:
        return None
    plain = text.translate(_CAPITALS).translate(_FILLERS)
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    if not _looks_like_mrz(lines):
        return _with_blanks_for_fillers(lines)
    readings = {
        reading
        for blank, double in itertools.product(("", FILLER), (FILLER, FILLER * 2))
        if (reading := _shaped([_BLANKS.sub(blank, line).replace(_DOUBLE_SIGN, double) for line in lines]))
    }
    found = {MrzLines(kind, reading) for reading in readings if (kind := _format(reading))}
    if len(found) > 1:
        raise NotReadable(LinesFault.AMBIGUOUS)
    if readings and not found:
        raise NotReadable(LinesFault.DOCUMENT_CODE)
    if not found:
        tight = [_BLANKS.sub("", line).replace(_DOUBLE_SIGN, FILLER * 2) for line in lines]
        raise NotReadable(LinesFault.LENGTHS, tuple(map(len, tight)))
    [mrz] = found
    if not all(_CHARACTERS.fullmatch(line) for line in mrz.lines):
        raise NotReadable(LinesFault.CHARACTERS)
    return mrz


def _with_blanks_for_fillers(lines: list[str]) -> MrzLines | None:
    """The MRZ of lines whose fillers are all blanks. Without one filler, only the exact lengths show it."""
    shaped = _shaped([line.replace(" ", FILLER) for line in lines])
    if len(lines) == 1 or shaped is None or not all(_CHARACTERS.fullmatch(line) for line in shaped):
        return None
    kind = _format(shaped)
    return MrzLines(kind, shaped) if kind else None


def _looks_like_mrz(lines: list[str]) -> bool:
    together = "".join(_BLANKS.sub("", line) for line in lines).replace(_DOUBLE_SIGN, FILLER * 2)
    return len(together) >= _MIN_CHARACTERS and bool(_LOOKS_LIKE.search(together)) and "@" not in together


def _shaped(lines: list[str]) -> tuple[str, ...] | None:
    """The lines if they have the lengths of a format. A single line is divided, as some readers send it."""
    if len(lines) == 1:
        [one] = lines
        width = {90: 30, 88: 44, 72: 36}.get(len(one))
        return tuple(one[at : at + width] for at in range(0, len(one), width)) if width else None
    widths = [len(line) for line in lines]
    return tuple(lines) if widths in ([30] * 3, [36] * 2, [44] * 2) else None


def _format(lines: tuple[str, ...]) -> Format | None:
    """The format, from the length and the first character of the document code; None if they do not fit."""
    code, width = lines[0][0], len(lines[0])
    if code == "V":
        return {44: Format.MRV_A, 36: Format.MRV_B}.get(width)
    if code == "P":
        return Format.TD3 if width == 44 else None
    return {30: Format.TD1, 36: Format.TD2}.get(width) if code in "ACI" else None
