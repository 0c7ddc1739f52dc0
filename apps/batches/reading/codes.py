"""Numbers with a format that shows more than their digits: leading zeros, a plus sign, letters, separators.

Codes and phone numbers are shown so. Without Django: the child process imports this module.
"""

from __future__ import annotations

import re
from typing import Final

# A colour or a language, but not a condition.
_REMARK: Final = re.compile(r"\[(?:\$-[0-9A-Fa-f]+|[A-Za-z]+)\]")
# A digit; else a sign that is shown: between quotation marks, after a backslash, or by itself.
_PART: Final = re.compile(r'(General|[0#?])|"([^"]*)"|\\(.)|_(.)|([-+ ()\xa0\u202f])')
_SIGNS: Final = frozenset("+-/. ()\xa0\u202f")
_SHOWN: Final = re.compile(r"\+?[-/. ()\xa0\u202f0-9]+")
# Neither 1E+05 nor 1.234 kg: its dot may only group the digits.
_SHOWN_WITH_LETTERS: Final = re.compile(
    r"(?!\d+E[-+]\d+\Z)(?=.*[^\W\d_])(?:[-+/ ()\xa0\u202f\w]|(?<!\d)\.|\.(?!\d))+"
)
_QUOTED: Final = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')


def as_code(digits: str, pattern: str) -> str:
    """The digits of a whole number as the format of a code or a phone number shows them.

    ``pattern``: the number format of Excel. Empty for the format of an amount, and for one that cannot be
    applied.
    """
    parts = _parts(pattern)
    places = [at for at, (is_digit, _text) in enumerate(parts) if is_digit]
    adds = any(not is_digit and ("+" in text or any(map(str.isalnum, text))) for is_digit, text in parts)
    if not places or not (adds or (len(places) > 1 and parts[places[0]][1] == "0")):
        return ""
    left = list(digits)
    shown = [text for _is_digit, text in parts]
    for at in reversed(places[1:]):
        taken = left.pop() if left else ""
        shown[at] = taken or ("0" if shown[at] == "0" else "")
    shown[places[0]] = "".join(left) or ("0" if shown[places[0]] == "0" else "")
    return "".join(shown).strip()


def shown_code(digits: str, shown: str) -> str:
    """The text that is shown for a whole number if it begins with a zero or a plus sign, or has letters.

    Otherwise empty.
    """
    shown = shown.strip()
    if digits == "0" and not shown.isdecimal():
        return ""
    if _SHOWN_WITH_LETTERS.fullmatch(shown):
        return shown if digits in re.sub(r"\D", "", shown) else ""
    is_code = _SHOWN.fullmatch(shown) and shown.lstrip("( ")[:1] in ("0", "+")
    return shown if is_code and re.sub(r"\D", "", shown).lstrip("0") == digits.lstrip("0") else ""


def may_hide_zeros(pattern: str) -> bool:
    """Whether a format that cannot be applied shows zeros at the beginning, or a plus sign."""
    if _parts(pattern):
        return False
    first = pattern.split(";", maxsplit=1)[0]
    whole = _QUOTED.sub("", first).split(".")[0]
    return ("E" not in whole and whole.count("0") > 1) or ("+" in first and "E+" not in first)


def _parts(pattern: str) -> list[tuple[bool, str]]:
    """Each part of a format: whether it stands for a digit, and its text. Empty if one is not known."""
    section = _REMARK.sub("", pattern.split(";", maxsplit=1)[0])
    parts: list[tuple[bool, str]] = []
    at = 0
    while at < len(section):
        found = _PART.match(section, at)
        if found is None:
            return []
        digit, quoted, escaped, _width, sign = found.groups()
        text = quoted or escaped or sign or ""
        if not all(character.isalnum() or character in _SIGNS for character in text):
            return []  # the sign of a currency or of per cent
        parts.append((True, digit) if digit else (False, text))
        at = found.end()
    return parts
