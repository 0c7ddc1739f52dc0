"""Forbidden contents of templates, scripts and styles."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.source import ROOT, relative

SOURCES = sorted(
    path
    for folder in ("templates", "static")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".html", ".txt", ".js", ".css", ".svg")
)
TEMPLATES = [path for path in SOURCES if path.suffix == ".html"]
NAMESPACE = re.compile(r"https?://www\.w3\.org/")
INLINE = re.compile(
    r"<script(?![^>]*\bsrc=)|<style\b|<[^>{]*\sstyle=|<[^>{]*\son[a-z]+\s*=|javascript:"
    r"|\|\s*safe\b|\bautoescape off\b|\bmark_safe\b"
)
OUTSIDE = re.compile(r"(https?:)?//[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)


def _found(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    """Each place in these files where the pattern is found."""
    return [
        f"{relative(path)}: {found[0]}"
        for path in paths
        for found in pattern.finditer(NAMESPACE.sub("", path.read_text(encoding="utf-8")))
    ]


def test_sweep_finds_templates_scripts_and_styles() -> None:
    assert len(SOURCES) > 60


def test_nothing_is_loaded_from_other_hosts() -> None:
    assert _found(OUTSIDE, SOURCES) == []


def test_templates_contain_no_inline_code() -> None:
    assert _found(INLINE, TEMPLATES) == []


def test_texts_are_passed_to_tags_directly() -> None:
    """``_("…")`` is an argument of any tag: a variable for it separates the text from its use."""
    assert _found(re.compile(r"{% translate [^%]* as \w+ %}"), TEMPLATES) == []


def test_browser_restores_nothing_into_a_form() -> None:
    """Back would restore the last person's choices into the next form; only the sign-in may be filled."""
    seen, wrong = 0, []
    for path in TEMPLATES:
        for form in re.finditer(r"(<form\b[^>]*>)(.*?)</form>", path.read_text(encoding="utf-8"), re.DOTALL):
            if re.search(
                r"{% crispy|\|crispy|\|as_crispy_field|<input (?!type=\"hidden\")|<select|<textarea", form[2]
            ):
                seen += 1
                if 'autocomplete="off"' not in form[1]:
                    wrong.append(f"{path.name}: {form[1]}")
    assert wrong == []
    assert seen >= 8
