"""With the company's own word for "order consumer", no text of a page says "consumer".

Every text of the source is tried with every word, and the pages are rendered with it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from unittest import mock

import pytest
from django.test import Client, override_settings
from django.urls import reverse

from apps.accounts.models import User
from apps.accounts.roles import ROLES
from apps.core import consumer_word
from apps.core.consumer_word import DEFAULT, WORDS, with_consumer_word
from apps.core.templatetags import portal
from tests.support.addresses import ADDRESSES
from tests.support.people import make_person
from tests.support.source import APPS, ROOT, modules, tree_of
from tests.sweeps.test_views_recorded import SHOWS, Records, person, records

__all__ = ["person", "records"]  # fixtures
pytestmark = pytest.mark.once

# Where "consumer" stays, with the reason.
EXCEPTIONS = {
    "Consumer Portal": "the product's name",
    "consumer reference": "Sitecore CDP's name of the id, which people look for there",
    "guest reference": "the same",
}
TEXTS = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy"}
NOT_RENDERED = {
    "components": "fixed examples, for the people who change the portal",
    "audit:event": "shows the JSON of an event",
}
SHOWN_ATTRIBUTES = {"title", "aria-label", "alt", "placeholder", "data-label", "content"}


def _in_code() -> Iterator[str]:
    for path in [*modules(APPS), *modules(ROOT / "consumerportal")]:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in TEXTS:
                yield from (
                    one.value
                    for one in node.args
                    if isinstance(one, ast.Constant) and isinstance(one.value, str)
                )


def _in_templates() -> Iterator[str]:
    for path in (ROOT / "templates").rglob("*.html"):
        source = path.read_text(encoding="utf-8")
        yield from re.findall(r'(?:{% translate |\b_\()"([^"]+)"', source)
        for block in re.findall(r"{% blocktranslate.*?%}(.*?){% endblocktranslate %}", source, re.DOTALL):
            for text in block.split("{% plural %}"):
                yield re.sub(r"{{ (\w+) }}", r"%(\1)s", " ".join(text.split()))


@cache
def messages() -> list[str]:
    """Every text of the source. Not read at import, which each process of each run does."""
    return sorted({*_in_code(), *_in_templates()})


def _without_exceptions(text: str) -> str:
    for phrase in EXCEPTIONS:
        text = re.sub(re.escape(phrase), "", text, flags=re.IGNORECASE)
    return text


@pytest.mark.parametrize("code", [DEFAULT, *WORDS])
def test_default_installs_and_changes_nothing(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    translation = mock.Mock()
    monkeypatch.setattr(consumer_word, "trans_real", translation)
    with override_settings(ORDER_CONSUMER_WORD=code):
        consumer_word.install()
        changed = [text for text in messages() if with_consumer_word(text) != text]
    assert bool(translation.translation.called) == bool(changed) == (code != DEFAULT)


def test_no_text_has_a_context() -> None:
    # Gettext hands the context over with the text, and the word would not be exchanged.
    code = [path for path in [*modules(APPS), *modules(ROOT / "consumerportal")] if _has_context(path)]
    templates = [path for path in (ROOT / "templates").rglob("*.html") if _has_context(path)]
    assert [*code, *templates] == []


def _has_context(path: Path) -> bool:
    found = r'\bn?pgettext|{% (?:block)?translate\b(?:"[^"]*"|(?!%}|").)* context '
    return bool(re.search(found, path.read_text(encoding="utf-8"), re.DOTALL))


@pytest.mark.parametrize(
    ("source", "has_context"),
    [
        ("from django.utils.translation import pgettext_lazy as _p", True),
        ("npgettext('a', 'b', 'c', 2)", True),
        ('{% translate "May" context "month name" %}', True),
        ('{% blocktranslate count n=n context "x" trimmed %}a{% plural %}b{% endblocktranslate %}', True),
        ('{% translate "The context of it" %} {{ context }}', False),
    ],
)
def test_context_is_found(tmp_path: Path, source: str, has_context: bool) -> None:
    path = tmp_path / "source"
    path.write_text(source, encoding="utf-8")
    assert _has_context(path) is has_context


@pytest.mark.parametrize("code", WORDS)
def test_every_text_uses_the_word_and_stays_a_sentence(code: str) -> None:
    changed = 0
    with override_settings(ORDER_CONSUMER_WORD=code):
        for text in messages():
            result = with_consumer_word(text)
            changed += result != text
            words = re.sub(r"%\(\w+\)s", "", _without_exceptions(result))
            assert "consumer" not in words.lower(), text
            assert not re.search(r"\b[Aa]n (traveller|guest|ticket)|\b[Aa] order", words), result
            assert re.findall(r"%\(\w+\)s", result) == re.findall(r"%\(\w+\)s", text), text
            assert result[:1].isupper() == text[:1].isupper(), text
    assert changed > 140


def test_guest_of_sitecore_cdp_is_called_a_profile_where_guest_is_the_word() -> None:
    of_vendor = [text for text in messages() if "guest" in text.lower() and "consumer" not in text.lower()]
    of_vendor.remove("Add a traveller, guest or ticket holder to an order.")
    assert len(of_vendor) > 25
    with override_settings(ORDER_CONSUMER_WORD="guest"):
        for text in of_vendor:
            assert not re.search(
                r"\bguests?\b(?! profile| reference)", with_consumer_word(text), re.IGNORECASE
            )
        assert with_consumer_word("Of an order, consumer, guest or submission.") == (
            "Of an order, guest, guest profile or submission."
        )
        assert with_consumer_word("Guest reference") == "Guest reference"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("New order consumer", "New ticket holder"),
        ("An order consumer", "A ticket holder"),
        ("Order consumers, and a consumer's name", "Ticket holders, and a ticket holder's name"),
        (
            "%(actor)s created the order consumer %(consumer)s",
            "%(actor)s created the ticket holder %(consumer)s",
        ),
        ("Consumer Portal", "Consumer Portal"),
        ("Previous consumer reference", "Previous consumer reference"),
    ],
)
def test_word_is_exchanged_with_its_article_plural_and_capital(text: str, shown: str) -> None:
    with override_settings(ORDER_CONSUMER_WORD="ticket_holder"):
        assert with_consumer_word(text) == shown


class _Shown(HTMLParser):
    """The texts of a page that people see or hear. Not codes, addresses and what people typed."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("script", "style", "pre")
        given = dict(attrs)
        self.texts += [value for name in SHOWN_ATTRIBUTES if (value := given.get(name))]
        if "data-words" in given:
            self.texts += [value for value in given.values() if value]

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style", "pre")

    def handle_data(self, data: str) -> None:
        if not self._hidden and not data.strip().startswith("http"):
            self.texts.append(data)


@pytest.mark.parametrize("code", WORDS)
def test_no_page_says_consumer(code: str, person: User, records: Records) -> None:
    everything = make_person("eve", *ROLES)
    client, seen = Client(), 0
    client.force_login(everything)
    with override_settings(ORDER_CONSUMER_WORD=code):
        _install()
        for address in ADDRESSES:
            if address.name in NOT_RENDERED:
                continue
            if address.name in SHOWS:
                page = SHOWS[address.name](client, records)
            elif not address.arguments:
                page = client.get(reverse(address.name))  # type: ignore[assignment]  # the client's own class
            else:
                continue
            if not page.headers.get("Content-Type", "").startswith("text/html"):
                continue
            seen += 1
            shown = _Shown()
            shown.feed(page.content.decode())
            texts = [text for text in shown.texts if "consumer" in _without_exceptions(text).lower()]
            assert texts == [], address.name
        if code == "guest":
            assert "Create guest" in client.get(reverse("consumers:new")).content.decode()
    _forget_rendered_parts()
    assert seen > 25
    assert "Create consumer" in client.get(reverse("consumers:new")).content.decode()


_installed: list[bool] = []


def _install() -> None:
    """As at the start of a process. What is installed changes nothing under the default word."""
    if not _installed:
        consumer_word.install()
        _installed.append(True)
    _forget_rendered_parts()


def _forget_rendered_parts() -> None:
    for cached in (portal._fixed_part, portal._outcome_badge, portal._badge):
        cached.cache_clear()
