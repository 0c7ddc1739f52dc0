"""Invisible characters are removed, joining characters stay, and texts are compared in two ways."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from apps.core.text import (
    INVISIBLE_RANGES,
    lookalikes,
    same,
    same_key,
    similar_key,
    with_plain_blanks,
    without_invisible,
)

ZWSP, ZWJ, ZWNJ, VS16 = "\u200b", "\u200d", "\u200c", "\ufe0f"
# Format characters with a visible form: Prepended_Concatenation_Mark, and the Egyptian hieroglyph controls.
VISIBLE_FORMATS = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
VISIBLE_FORMATS |= {*range(0x13430, 0x13460)}
# Invisible although not format characters: fillers, marks, selectors, the braille blank, reserved code
# points.
NO_FORMATS = {
    0x34F,
    0x115F,
    0x1160,
    0x17B4,
    0x17B5,
    0x180B,
    0x180C,
    0x180D,
    0x180F,
    0x2065,
    0x2800,
    0x3164,
    0xFFA0,
}
NO_FORMATS |= {*range(0xFE00, 0xFE10), *range(0xFFF0, 0xFFF9), *range(0xE0000, 0xE1000)}


def test_exactly_the_invisible_characters_of_unicode_are_removed() -> None:
    removed = {code for code in range(sys.maxunicode + 1) if without_invisible(f"a{chr(code)}b") == "ab"}
    formats = {code for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Cf"}
    assert removed == (formats - VISIBLE_FORMATS) | NO_FORMATS
    # Unicode 16.0 counts 4,174 of Default_Ignorable_Code_Point; we add three annotation marks and a blank.
    assert len(removed) == 4_174 + 3 + 1 == sum(last - first + 1 for first, last in INVISIBLE_RANGES)


def test_every_other_character_stays() -> None:
    removed = {chr(code) for first, last in INVISIBLE_RANGES for code in range(first, last + 1)}
    others = [chr(code) for code in range(sys.maxunicode + 1) if chr(code) not in removed]
    for keep_joiners in (False, True):
        assert without_invisible(ZWSP.join(others), keep_joiners=keep_joiners) == "".join(others)


def test_in_a_name_only_joining_characters_stay() -> None:
    """Between two Latin letters: the joiners and the selectors, of all of Unicode."""
    preserved = {
        code
        for first, last in INVISIBLE_RANGES
        for code in range(first, last + 1)
        if without_invisible(f"a{chr(code)}b", keep_joiners=True) != "ab"
    }
    assert preserved == {0x200C, 0x200D, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(f"علی{ZWNJ}رضا", id="Persian"),
        pytest.param(f"क\u094d{ZWJ}ष", id="Devanagari"),
        pytest.param(f"ක\u0dca{ZWJ}රිෂාන්", id="Sinhala"),
        pytest.param(f"র{ZWJ}\u09cdয", id="Bengali"),
        pytest.param(f"അനില\u0d4d{ZWJ}", id="Malayalam, at the end"),
        pytest.param("葛\U000e0100城", id="ideographic selector"),
        pytest.param("ᠮᠣᠩᠭᠣᠯ\u180b", id="Mongolian selector"),
        pytest.param("ᠮᠣᠩᠭᠣᠯ\u180eᠠ", id="Mongolian vowel separator"),
        pytest.param("ᠮᠣᠩᠭᠣᠯ\u180b\u180eᠠ", id="Mongolian vowel separator after a selector"),
        pytest.param("ᠠ\u180b\u18aa\u180b", id="first and last Mongolian letter"),
    ],
)
def test_names_preserve_joining_characters(name: str) -> None:
    assert without_invisible(f"{ZWSP}{name}\u2060", keep_joiners=True) == name
    assert without_invisible(name) != name


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        (f"Ida{ZWJ}", "Ida"),
        (f"{ZWNJ}Ida", "Ida"),
        (f"Ida{ZWJ} {ZWJ}Clean", "Ida Clean"),
        (f"I{ZWJ}{ZWJ}da", f"I{ZWJ}da"),
        (f"I{ZWSP}{ZWJ}{ZWSP}da", f"I{ZWJ}da"),
        (f"Ida{ZWJ}\u180b", "Ida"),
        (f"{VS16}Ida {VS16}Clean", "Ida Clean"),
        (f"a{VS16}{VS16}", f"a{VS16}"),
        ("a\u180eb\u180bc", "abc"),
        ("ᠮ\u180e", "ᠮ"),
        ("a\u180eᠠ", "aᠠ"),
        ("\u181f\u180b\u18ab\u180b", "\u181f\u18ab"),  # beside the Mongolian letters
        (f"👩{ZWJ}🚀", "👩🚀"),
        ("\u3164\u115f\u1160\u2800", ""),
        ("Ida\ufffa\u00ad\u202e", "Ida"),
    ],
)
def test_joiners_without_effect_are_removed_from_names(typed: str, name: str) -> None:
    assert without_invisible(typed, keep_joiners=True) == name


SAMPLES = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from([chr(first) for first, _last in INVISIBLE_RANGES]),
        st.sampled_from(f"aéक\u094d漢ᠮ\u180b\u180e{ZWJ}{ZWNJ}{VS16}{ZWSP} 1"),
    ),
    max_size=12,
)


@given(SAMPLES)
@hypothesis_settings(max_examples=500, deadline=None)
def test_removal_is_idempotent(text: str) -> None:
    for keep_joiners in (False, True):
        once = without_invisible(text, keep_joiners=keep_joiners)
        assert without_invisible(once, keep_joiners=keep_joiners) == once
        assert without_invisible(once) == without_invisible(text)


@given(SAMPLES)
@hypothesis_settings(max_examples=300, deadline=None)
def test_comparisons_do_not_depend_on_the_encoding(text: str) -> None:
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert same_key(unicodedata.normalize(form, same_key(text))) == same_key(text)
        assert similar_key(unicodedata.normalize(form, similar_key(text))) == similar_key(text)
    assert similar_key(same_key(text)) == similar_key(text)


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("PZ4A9565", ""),
        ("РZ4А9565", "АР"),
        ("ΑΒ-ΑΒ 12", "ΑΒ"),
        ("ΑРZ", "ΑР"),
        ("AB１２３", "１２３"),
        ("ＡＢ１２３", "１２３ＡＢ"),
        ("１２３", "１２３"),
        ("AB\N{EN DASH}123", "\N{EN DASH}"),
        ("AB－12．3", "－．"),
        ("𝐀B\N{SUPERSCRIPT TWO}", "²𝐀"),
        ("\N{NUMERO SIGN} 12", ""),  # no single character looks like it
        ("会員Ａ１", ""),
        ("AB123é１", "１"),
        ("José\N{EN DASH}1", "\N{EN DASH}"),
        ("МÉ12", "М"),
        ("AB\N{HORIZONTAL BAR}123", "\N{HORIZONTAL BAR}"),
        ("AB／123", "／"),
        ("AB١٢٣", "١٢٣"),
        ("AB१", "१"),
        ("أب١٢٣", ""),  # a code of another alphabet, not a Latin code with other digits
        ("李А", ""),
        ("\U00017000А", ""),  # a Tangut letter: Python knows no name for it
        ("", ""),
    ],
)
def test_lookalikes_are_characters_among_ascii_letters_that_do_not_match_ascii(code: str, found: str) -> None:
    assert lookalikes(code) == found


def test_unusual_blank_becomes_an_ordinary_one() -> None:
    assert with_plain_blanks("LP\u00a01\u202f2\u30003") == "LP 1 2 3"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("José", "Jose\N{COMBINING ACUTE ACCENT}"),
        ("O’Brien", "O'BRIEN"),
        ("O´Brien", "O`Brien"),
        ("Ｊａｎｅ", "jane"),
        ("Mary\u00a0 Jane ", "Mary Jane"),
        (f"Ida{ZWSP}", "ida"),
        ("Straße", "STRASSE"),
        ("ΜΆΡΙΟΣ", "μάριος"),
        ("ŉDiaye", "'ndiaye"),
    ],
)
def test_same_text_in_another_encoding_is_equal(one: str, other: str) -> None:
    assert same(one, other)
    assert similar_key(one) == similar_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("José Núñez", "Jose Nunez"),
        ("Łukasz Søren Đorđe", "lukasz soren dorde"),
        ("Yıldız", "Yildiz"),
        ("İpek", "ipek"),
        ("Ελένη", "Ελενη"),
        ("Smith‐Jones", "Smith-Jones"),
        ("Nguyễn", "Nguyen"),
    ],
)
def test_names_without_accents_are_similar_but_not_equal(one: str, other: str) -> None:
    assert similar_key(one) == similar_key(other)
    assert not same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Андрей", "Андреи"),  # another letter, not an accent
        ("がん", "かん"),
        ("क्षमा", "कषमा"),
        ("Anne Marie", "Annemarie"),
        ("Ida", "Ada"),
        ("", "Ida"),
    ],
)
def test_marks_of_other_scripts_make_different_names(one: str, other: str) -> None:
    assert similar_key(one) != similar_key(other)
