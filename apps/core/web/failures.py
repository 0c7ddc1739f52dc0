"""What a failed POST of a view may have done, for the error pages. The view is marked where it is defined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.http import HttpRequest

View = TypeVar("View", bound=Callable[..., Any])
_ATTRIBUTE = "effects_if_it_fails"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """What the view may have done when it fails, and what a second, equal POST does.

    ``may_be_sent``: the consumer may have been sent to the vendor.
    ``in_steps``: the view stores more than once, so an error of the database may follow a stored change.
    Otherwise change and event are one transaction, and such an error means that nothing was changed.
    ``never_twice``: the form names what it changes by a token or a version, so a second one changes nothing.
    """

    may_be_sent: bool = False
    in_steps: bool = False
    never_twice: bool = False


_NONE = Effects()


def if_it_fails(effects: Effects) -> Callable[[View], View]:
    """Mark a view with what its POST may have done when it fails."""

    def decorate(view: View) -> View:
        setattr(view, _ATTRIBUTE, effects)
        return view

    return decorate


def effects_of(request: HttpRequest) -> Effects:
    """The effects of the request: none if it is not a POST, or its view is unmarked or not known."""
    match = request.resolver_match
    if request.method != "POST" or match is None:
        return _NONE
    effects: Effects = getattr(match.func, _ATTRIBUTE, _NONE)
    return effects
