"""Forbidden contents of templates, scripts and styles."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.source import ROOT

SOURCES = sorted(
    path
    for folder in ("templates", "static")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".html", ".txt", ".js", ".css", ".svg")
)
TEMPLATES = [path for path in SOURCES if path.suffix == ".html"]
NAMESPACE = re.compile(r"https?://www\.w3\.org/")
OUTSIDE = re.compile(r"(https?:)?//[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)


def _id(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_sweep_finds_templates_scripts_and_styles() -> None:
    assert len(SOURCES) > 60


@pytest.mark.parametrize("path", SOURCES, ids=_id)
def test_nothing_is_loaded_from_other_hosts(path: Path) -> None:
    assert OUTSIDE.findall(NAMESPACE.sub("", path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=_id)
def test_templates_contain_no_inline_code(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"<script(?![^>]*\bsrc=)", text) == []
    assert re.findall(r"<style\b|<[^>{]*\sstyle=", text) == []
    assert re.findall(r"<[^>{]*\son[a-z]+\s*=", text) == []
    assert re.findall(r"javascript:", text) == []
    assert re.findall(r"\|\s*safe\b|\bautoescape off\b|\bmark_safe\b", text) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=_id)
def test_texts_are_passed_to_tags_directly(path: Path) -> None:
    """``_("…")`` is an argument of any tag: a variable for it separates the text from its use."""
    assert re.findall(r"{% translate [^%]* as \w+ %}", path.read_text(encoding="utf-8")) == []


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
