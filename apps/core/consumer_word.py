"""The company's own word for "order consumer" on pages, such as "traveller" (``ORDER_CONSUMER_WORD``).

It changes English texts that go through gettext and have no translation: never codes, addresses, JSON or what
people typed. A catalogue of another language translates whole sentences, with the word of its choice.
"""

from __future__ import annotations

import re
from functools import lru_cache
from gettext import NullTranslations
from typing import Final

from django.conf import settings
from django.utils.translation import trans_real

DEFAULT: Final = "order_consumer"
WORDS: Final = {"traveller": "traveller", "guest": "guest", "ticket_holder": "ticket holder"}
"""The words by their code in the setting. Each begins with a consonant and has a plural in -s."""
SENTENCES: Final = {
    "Add a traveller, guest or ticket holder to an order.": "Add an order consumer to an order.",
    "The first name looks like more than one person. Each person needs an order consumer of their own.": (
        "The first name looks like more than one person. Add each person as a separate order consumer."
    ),
    "This guest is a traveller": "This guest has the type “traveller”",  # of Sitecore CDP, not the word
}
"""Sentences with a text of their own for the words, because exchanging the noun would be wrong or unclear."""

# The first alternatives stay: placeholders, the product's name, and the names of the vendor's references.
_NOUN = re.compile(
    r"%\(\w+\)[a-z]|\{\w*\}|\bConsumer Portal\b|\b(?:[Cc]onsumer|[Gg]uest) references?\b"
    r"|\b(?P<article>[Aa])n (?=order consumer)"
    r"|\b(?P<consumer>(?:[Oo]rder )?[Cc]onsumer)(?P<plural>s)?\b"
    r"|\b(?P<guest>[Gg]uest)(?P<guests>s)?\b(?! profile)"
)


def with_consumer_word(text: str) -> str:
    """An English text of a page with the company's word. The text itself if the word is the default."""
    code = settings.ORDER_CONSUMER_WORD
    return _rewritten(text, code) if code in WORDS else text


@lru_cache(maxsize=4096)  # only texts of the portal, about a thousand
def _rewritten(text: str, code: str) -> str:
    text = SENTENCES.get(text, text)
    return _NOUN.sub(lambda found: _replacement(found, code), text)


def _replacement(found: re.Match[str], code: str) -> str:
    if article := found["article"]:
        return f"{article} "
    if noun := found["consumer"]:
        return _in_case_of(noun, WORDS[code]) + (found["plural"] or "")
    if (noun := found["guest"]) and code == "guest":
        # The vendor's record of a person, which is not the guest who was added to an order.
        return f"{noun} profile{found['guests'] or ''}"
    return found[0]


def _in_case_of(noun: str, word: str) -> str:
    return word.capitalize() if noun[0].isupper() else word


class ConsumerWordTranslations(NullTranslations):
    """What gettext falls back to for a text without a translation: the text with the company's word.

    Texts with a context would come with it, so the portal has none.
    """

    def gettext(self, message: str) -> str:
        return with_consumer_word(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return with_consumer_word(msgid1 if n == 1 else msgid2)


def install() -> None:
    """Let the English texts of this process use the company's word. Call it once, when the apps are ready.

    Under the default word it installs nothing.
    """
    if settings.ORDER_CONSUMER_WORD not in WORDS:
        return
    for language, _name in settings.LANGUAGES:
        if language.startswith("en"):
            trans_real.translation(language).add_fallback(ConsumerWordTranslations())
