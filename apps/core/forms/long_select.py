"""Controls with hundreds of options, whose HTML is cached."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from django import forms
from django.forms.renderers import BaseRenderer
from django.utils.choices import BaseChoiceIterator
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.core.forms.renderer import attributes_html


class FlatChoices(BaseChoiceIterator):
    """Choices without groups, read from a function each time. Django would look for groups in each."""

    def __init__(self, choices: Callable[[], list[tuple[str, str]]]) -> None:
        self._choices = choices

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._choices())


class LongSelect(forms.Select):
    """A select of many options without groups. Django renders a template for each option.

    If several options have the value, the one with the shortest label is selected: the other labels contain
    it, such as "UK (United Kingdom)". A value that is not (or no longer) offered is added as the last option,
    so that it stays on the page; the field decides whether it is valid.
    """

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: BaseRenderer | None = None
    ) -> SafeString:
        """The select as HTML."""
        chosen = "" if value is None else str(value)
        choices = tuple((str(key), str(label)) for key, label in self.choices)
        options = list(_options(choices))
        labels = [label for key, label in choices if key == chosen]
        if labels:
            index = choices.index((chosen, min(labels, key=len)))
            options[index] = _selected(*choices[index])
        elif chosen:
            options.append(_selected(chosen, chosen))
        attributes = attributes_html(self.build_attrs(self.attrs, {**(attrs or {}), "name": name}))
        return SafeString(f"<select{attributes}>{''.join(options)}</select>")


@lru_cache(maxsize=32)
def _options(choices: tuple[tuple[str, str], ...]) -> tuple[SafeString, ...]:
    """The options, none selected. Only offered choices are cached, never a typed value.

    HTML needs no end tags here, and without them a compressed form is 290 bytes shorter.
    """
    return tuple(format_html('<option value="{}">{}', key, label) for key, label in choices)


def _selected(key: str, label: str) -> SafeString:
    return format_html('<option value="{}" selected>{}', key, label)


@lru_cache(maxsize=8)
def suggestions(words: tuple[str, ...]) -> SafeString:
    """The options of a ``datalist`` with these words."""
    return format_html_join("", '<option value="{}">', ((word,) for word in words))
