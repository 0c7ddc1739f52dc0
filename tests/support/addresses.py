"""Every address of the portal with its view."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

METHODS = ("get", "post")


@dataclass(frozen=True)
class Address:
    """An address of the portal with its view."""

    name: str
    view: Callable[..., Any]
    arguments: tuple[str, ...]

    @property
    def permissions(self) -> tuple[str, ...] | None:
        """The permissions that the view requires (any one is sufficient); None if it requires none."""
        return getattr(self.view, "required_permissions", None)


def _addresses(
    patterns: list[URLPattern | URLResolver], namespace: str = "", outer: tuple[str, ...] = ()
) -> Iterator[Address]:
    for pattern in patterns:
        arguments = (*outer, *pattern.pattern.converters)
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _addresses(pattern.url_patterns, inner, arguments)
        else:
            yield Address(f"{namespace}{pattern.name}", pattern.callback, arguments)


ADDRESSES = [*_addresses(get_resolver().url_patterns)]
