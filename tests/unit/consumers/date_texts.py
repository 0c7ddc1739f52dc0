"""Texts for the field of the date of birth: whole dates, dates half typed, and what only looks like one.

The server and the script of the page read each of them; both tests take them from here.
"""

from __future__ import annotations

WHOLE = [
    "7 3 1991",
    "07/03/1991",
    "7. 3. 1991",
    "1991-03-07",
    "1991/3/7",
    "7 March 1991",
    "7 MAR 1991",
    "7 Mar. 1991",
    "7-Mar-1991",
    "7March1991",
    "March 7, 1991",
    "Mar 7 1991",
    "  7  3  1991  ",
    "7\N{NO-BREAK SPACE}March\N{NO-BREAK SPACE}1991",
    "7\N{NO-BREAK SPACE}3\N{NO-BREAK SPACE}1991",
    "\N{IDEOGRAPHIC SPACE}1991\N{THIN SPACE}3\N{THIN SPACE}7\t",
    "29 2 2000",
    "1 1 0001",
    "7 3 0991",
    "31 12 1899",
]
NO_DATES = [
    "31 2 1991",
    "31 February 1991",
    "1991-02-31",
    "29 February 1900",
    "0 3 1991",
    "7 0 1991",
    "7 13 1991",
    "7 3 0000",
    "1991-00-07",
    "7 3 91",
    "7 Brumaire 1991",
    "March 1991",
    "7 3 19911",
    "31 12 9999",
    "1 January 2999",
    "2999-01-01",
]
LOOKS_LIKE_ONE = [
    "٧ ٣ ١٩٩١",
    "٧ March ١٩٩١",
    "７ March 1991",
    "7\t3\t1991",
    "7 March\x0b1991",
    "7 March 1991\x1f",
    "\x857 March 1991",
    "7\N{ZERO WIDTH NO-BREAK SPACE}3\N{ZERO WIDTH NO-BREAK SPACE}1991",
    "\N{ZERO WIDTH NO-BREAK SPACE}7 March 1991",
    "7 March 1991\N{ZERO WIDTH SPACE}",
    "7 Ｍarch 1991",
    "7 ſeptember 1991",
    "7 Sept 1991",
    "7 Mayy 1991",
    "7 \N{KELVIN SIGN} 1991",
    "7−3−1991",  # with minus signs
    "7" + " " * 30 + "March 1991",
    "7 March" + " " * 40 + "1991",
    "7 March 1991" + " " * 40,
]
TEXTS = [*WHOLE, *NO_DATES, *LOOKS_LIKE_ONE]
HALF_TYPED = sorted({text[:end] for text in WHOLE + NO_DATES for end in range(len(text))})
