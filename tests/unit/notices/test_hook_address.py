"""The web hook leaves this machine over https only, and practice never does."""

from __future__ import annotations

import pytest

from apps.notices.hook_address import HookAddress


def test_address_with_path_and_query() -> None:
    address = HookAddress.parse("https://hooks.example.com:8443/a/b?token=abc", practice=False)
    assert (str(address.base), address.target) == ("https://hooks.example.com:8443", "/a/b?token=abc")
    assert "abc" not in repr(address)
    assert HookAddress.parse("https://hooks.example.com", practice=False).target == "/"


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/a",
        "http://127.0.0.1/a",
        "ftp://hooks.example.com/a",
        "https:///a",
        "https://user:secret@hooks.example.com/a",
        "https://hooks.example.com/a#b",
        "https://hooks.example.com\\@127.0.0.1/",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/\tx",
        "https://hooks.exämple.com/",
        "https://hooks.example.com:99999/",
        "https://[::1/",
        "//hooks.example.com/a",
        "hooks.example.com/a",
    ],
)
def test_unsafe_addresses_are_refused_in_production(url: str) -> None:
    with pytest.raises(ValueError, match=r"is not an address|must use https|must hold no") as refused:
        HookAddress.parse(url, practice=False)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8040/a", "http://localhost/", "https://[::1]:1/"])
def test_practice_accepts_this_machine(url: str) -> None:
    assert HookAddress.parse(url, practice=True)


@pytest.mark.parametrize("url", ["https://hooks.example.com/", "http://127.0.0.1.example.com/", "http://0/"])
def test_practice_leaves_this_machine_for_nobody(url: str) -> None:
    with pytest.raises(ValueError, match="leaves this machine"):
        HookAddress.parse(url, practice=True)
