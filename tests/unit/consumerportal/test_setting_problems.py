"""Secrets, keys and host names that cannot work are refused without being shown."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from consumerportal import setting_problems
from consumerportal.practice_values import PRACTICE_VALUES

KEY, OTHER_KEY = (base64.urlsafe_b64encode(byte * 32).decode() for byte in (b"x", b"y"))
SIGNING_KEY = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (
            setting_problems.secret_problem,
            "0123456789abcdef0123456789abcdef",
            "0123456789abcdef0123456789abcde",
        ),
        (setting_problems.secret_problem, "abcdefgh" * 4, "abcdefg" * 5),
        (setting_problems.secret_problem, "abcdefgh" * 5, ",abcdefgh" * 5),
        (setting_problems.encryption_keys_problem, PRACTICE_VALUES["ENCRYPTION_KEYS"], "bm90IDMyIGJ5dGVz"),
        (setting_problems.encryption_keys_problem, f"{KEY},{OTHER_KEY}", f"{KEY},{KEY}"),
        (setting_problems.encryption_keys_problem, KEY, f"{KEY},{OTHER_KEY[:-4]}"),
        (setting_problems.encryption_keys_problem, KEY, KEY.replace("e", "*")),
        (setting_problems.signing_key_problem, SIGNING_KEY, SIGNING_KEY[4:]),
        (setting_problems.host_names_problem, "portal.example,.example.org", "portal.example, *"),
        (setting_problems.host_names_problem, "portal.example,127.0.0.1,[::1]", "127.0.0.1, localhost"),
        (setting_problems.host_names_problem, "127.0.0.2,LOCALHOST,portal.example", "127.0.0.2,LOCALHOST"),
    ],
)
def test_value_of_a_required_setting_is_checked(check: Callable[[str], str], good: str, bad: str) -> None:
    assert check(good) == ""
    problem = check(bad)
    assert problem
    assert bad not in problem
