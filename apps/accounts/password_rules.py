"""The rules for a new password, by NIST SP 800-63B-4, section 3.1.1.2.

A password is at least 15 characters long, the standard's minimum for a password that is the only factor, and
hard to guess. No rule asks for kinds of characters. The length and the list of common passwords are Django's
validators, see ``AUTH_PASSWORD_VALIDATORS``.
"""

from __future__ import annotations

import re
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


class GuessingValidator:
    """A password must be hard to guess even for a person who knows the portal, the company and the account.

    The words of the portal, of the setting ``PASSWORD_WORDS``, of the user name and of the person's name are
    removed from the password, in any case. What remains must need ``ENOUGH_GUESSES`` according to zxcvbn. So
    the published practice passwords are refused too.
    """

    def validate(self, password: str, user: User | None = None) -> None:
        """Raises ``ValidationError`` if the password is easy to guess."""
        words = "|".join(map(re.escape, sorted(_expected_words(user), key=len, reverse=True)))
        unexpected = re.sub(words, "", password, flags=re.IGNORECASE)
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


def _expected_words(user: User | None) -> set[str]:
    """The words that an attacker tries first, in lower case."""
    texts = [*PORTAL_WORDS, *settings.PASSWORD_WORDS]
    if user is not None:
        texts += [user.username, user.name]
    words = {word.lower() for text in texts for word in (text, *re.split(r"[\W_]+", text))}
    return {word for word in words if len(word) >= _SHORTEST_WORD}
