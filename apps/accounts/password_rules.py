"""The rules for a new password, by NIST SP 800-63B-4, section 3.1.1.2.

A password is at least 15 characters long, the standard's minimum for a password that is the only factor, and
hard to guess. No rule asks for kinds of characters. The length and the list of common passwords are Django's
validators, see ``AUTH_PASSWORD_VALIDATORS``.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from zxcvbn_rs_py import zxcvbn

from apps.accounts.models import User

ENOUGH_GUESSES: Final = 8.0
"""Logarithm to base 10 of the guesses that an attacker needs at least.

zxcvbn's level 3: safe where each guess costs a slow hash, as with a copy of the database. Guesses on the
sign-in page end after 100 failures.
"""

PORTAL_WORDS: Final = ("consumer", "portal", "sitecore", "cdp", "practice")
_SHORTEST_WORD: Final = 3
_LETTERS: Final = str.maketrans("013457@$!", "oieastasi")


class GuessingValidator:
    """A password must be hard to guess even for a person who knows the portal, the company and the account.

    The words of the portal, of the setting ``PASSWORD_WORDS``, of the user name and of the person's name are
    removed from the password: in any case, without accents, and with digits in place of letters ("p0rt@l").
    What remains must need ``ENOUGH_GUESSES`` according to zxcvbn. So the published practice passwords are
    refused too.
    """

    def validate(self, password: str, user: User | None = None) -> None:
        """Raises ``ValidationError`` if the password is easy to guess."""
        unexpected = _without(_expected_words(user), password)
        if not unexpected or zxcvbn(unexpected).guesses_log10 < ENOUGH_GUESSES:
            raise ValidationError(
                gettext(
                    "This password is easy to guess. Use a few words that have nothing to do with each other,"
                    " with you or with the portal."
                ),
                code="easy_to_guess",
            )

    def get_help_text(self) -> str:
        """The rule as a sentence."""
        return gettext("The password must be hard to guess.")


def _without(words: set[str], password: str) -> str:
    """The characters of the password that belong to none of these folded words."""
    plain = unicodedata.normalize("NFC", password)
    pattern = "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
    left, begin = "", 0
    for found in re.finditer(pattern, _folded(plain)):
        left += plain[begin : found.start()]
        begin = found.end()
    return left + plain[begin:]


def _folded(text: str) -> str:
    """The text in lower case without accents, with letters for digits that resemble them. Of equal length."""
    return "".join(unicodedata.normalize("NFKD", character)[0].lower()[0] for character in text).translate(
        _LETTERS
    )


def _expected_words(user: User | None) -> set[str]:
    """The folded words that an attacker tries first."""
    texts = [*PORTAL_WORDS, *settings.PASSWORD_WORDS]
    if user is not None:
        texts += [user.username, user.name]
    words = {word for text in texts for word in (text, *re.split(r"[\W_]+", text))}
    return {_folded(unicodedata.normalize("NFC", word)) for word in words if len(word) >= _SHORTEST_WORD}
