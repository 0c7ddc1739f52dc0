"""Controls of our own, where Django's cost more than they are worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from django import forms
from django.forms.renderers import BaseRenderer, DjangoTemplates
from django.utils.choices import BaseChoiceIterator
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString

_INPUTS = frozenset({"django/forms/widgets/text.html", "django/forms/widgets/hidden.html"})


class QuickInputs(DjangoTemplates):
    """Renders one-line inputs in one go, everything else as Django does.

    Django takes three templates for an input, and the entry has some thirty of them, most of them hidden.
    """

    def render(self, template_name: str, context: dict[str, Any], request: Any = None) -> str:
        if template_name not in _INPUTS:
            return super().render(template_name, context, request)
        widget = context["widget"]
        own = {name: widget[name] for name in ("type", "name", "value")}
        return SafeString(f"<input{_written(own | widget['attrs'])}>")


class PlainChoices(BaseChoiceIterator):
    """Choices without groups, asked for anew each time. Django would look for groups in each of them."""

    def __init__(self, choices: Callable[[], list[tuple[str, str]]]) -> None:
        self._choices = choices

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._choices())


class PlainSelect(forms.Select):
    """A select of plain options, written in one go.

    Django renders a template for each option; with the countries that was a third of the page's time.
    Of several options of one value the shortest is shown as chosen: the others hold its label, too, such as
    "UK (United Kingdom)". A value that is no choice (any more) stays on the page as the last option: whether
    it can be sent, the field says.
    """

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: BaseRenderer | None = None
    ) -> SafeString:
        chosen = "" if value is None else str(value)
        choices = tuple((str(key), str(label)) for key, label in self.choices)
        options = list(_options(choices))
        labels = [label for key, label in choices if key == chosen]
        if labels:
            place = choices.index((chosen, min(labels, key=len)))
            options[place] = _selected(*choices[place])
        elif chosen:
            options.append(_selected(chosen, chosen))
        attributes = _written(self.build_attrs(self.attrs, {**(attrs or {}), "name": name}))
        return SafeString(f"<select{attributes}>{''.join(options)}</select>")


def _written(attributes: dict[str, Any]) -> str:
    """Attributes as they stand in a tag, escaped. What is None or False is left out, True has no value.

    Django's ``flatatt`` does the same in three times the time: it formats each attribute by itself.
    """
    parts = []
    for name, value in attributes.items():
        if value is True:
            parts.append(f" {name}")
        elif value is not None and value is not False:
            parts.append(f' {name}="{conditional_escape(value)}"')
    return "".join(parts)


@lru_cache(maxsize=32)
def _options(choices: tuple[tuple[str, str], ...]) -> tuple[SafeString, ...]:
    """The options, none chosen. Written once: only what the house offers comes here."""
    return tuple(format_html('<option value="{}">{}</option>', key, label) for key, label in choices)


def _selected(key: str, label: str) -> SafeString:
    return format_html('<option value="{}" selected>{}</option>', key, label)
