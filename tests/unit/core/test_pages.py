"""The frame of every page, its templates and its static files."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string

TEMPLATES = sorted((settings.BASE_DIR / "templates").rglob("*.html"))
# As published by Bootstrap for 5.3.8, in the integrity attribute of its own page.
BOOTSTRAP_SHA384 = "sRIl4kxILFvY47J16cr9ZwB07vP4J8+LH7qKQnuqkuIAvNWLzeN8tE5YBujZqJLB"


class Person:
    is_authenticated = True
    role_labels = "Staff, Supervisor"

    def get_full_name(self) -> str:
        return "Aoife Ní Bhriain"

    def has_perm(self, permission: str) -> bool:
        return False


class Elements(HTMLParser):
    """Collects every start tag with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def page(**context: Any) -> str:
    return render_to_string(
        "404.html", {"environment_label": "Practice – nothing", "is_practice": True, **context}
    )


def test_title_names_page_portal_and_environment() -> None:
    title = "Page not found – Consumer Portal – Practice – nothing"
    assert f"<title>{title}</title>" in page()


def test_page_shows_the_environment_as_text_and_practice_differs_from_production() -> None:
    assert "environment-practice" in page()
    production = page(environment_label="Production – Sitecore CDP EU", is_practice=False)
    assert '<span class="environment-words">Production – Sitecore CDP EU</span>' in production
    assert "environment-practice" not in production


def test_page_shows_the_signed_in_person_and_signs_out_by_a_form() -> None:
    shown = page(user=Person())
    assert "Aoife Ní Bhriain" in shown
    assert "Staff, Supervisor" in shown
    assert re.search(
        r'<form method="post"[^>]*>\s*(<input[^>]*>\s*)?<button type="submit"[^>]*>Sign out</button>', shown
    )
    assert "Sign out" not in page()


def test_page_has_one_heading_a_skip_link_and_unique_ids() -> None:
    elements = Elements(page(user=Person(), support_code="3f9a01bc")).found
    assert sum(tag == "h1" for tag, _ in elements) == 1
    assert ("a", {"class": "skip-link", "href": "#main"}) in elements
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert "main" in ids
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_violates_the_content_security_policy(template: Path) -> None:
    for tag, attributes in Elements(re.sub(r"{%.*?%}|{#.*?#}", "", template.read_text())).found:
        assert tag != "style"
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        assert tag != "script" or "src" in attributes
        assert not (attributes.get("href") or "").startswith("javascript:")


def test_every_static_file_of_the_frame_exists() -> None:
    names = re.findall(r'{% static "([^"]+)" %}', (settings.BASE_DIR / "templates/base.html").read_text())
    assert "bootstrap/bootstrap.min.css" in names
    assert [name for name in names if finders.find(name) is None] == []


def test_every_text_used_by_a_script_is_in_the_page() -> None:
    spoken = {
        re.sub(r"[A-Z]", lambda letter: f"-{letter[0].lower()}", name)
        for script in (settings.BASE_DIR / "static/js").glob("*.js")
        for name in re.findall(r'\bword\("(\w+)"', script.read_text())
    }
    written = set(re.findall(r"\bdata-([\w-]+)=", render_to_string("components/frame/words.html")))
    assert spoken == written


def test_bootstrap_file_has_the_published_hash() -> None:
    found = finders.find("bootstrap/bootstrap.min.css")
    assert isinstance(found, str)
    digest = hashlib.sha384(Path(found).read_bytes()).digest()
    assert base64.b64encode(digest).decode() == BOOTSTRAP_SHA384
