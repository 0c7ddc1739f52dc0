"""What the entry is laid out with, in a crispy layout.

Crispy's own ``Fieldset`` and ``HTML`` compile a template each time they are rendered, and ``Row`` and
``Column`` render one each; that was half of the page's time. These write the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from crispy_forms.layout import Layout
from django import forms
from django.template import Context, Engine
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString


class Group:
    """Fields under a legend, on a surface of their own."""

    def __init__(self, legend: Any, *parts: Any) -> None:
        self._legend = legend
        self._inside = Layout(*parts)

    def render(self, form: forms.Form, context: Context, **options: Any) -> SafeString:
        """The HTML, as crispy's layout asks for it."""
        inside = self._inside.render(form, context, **options)
        return format_html('<fieldset class="group"><legend>{}</legend>{}</fieldset>', self._legend, inside)


class SideBySide:
    """Two fields in a line, where there is room."""

    def __init__(self, left: str, right: str) -> None:
        self._columns = (Layout(left), Layout(right))

    def render(self, form: forms.Form, context: Context, **options: Any) -> SafeString:
        """The HTML, as crispy's layout asks for it."""
        left, right = (column.render(form, context, **options) for column in self._columns)
        return format_html(
            '<div class="row"><div class="col-md">{}</div><div class="col-md">{}</div></div>', left, right
        )


class Part:
    """A template, rendered with what the page knows."""

    def __init__(self, template_name: str) -> None:
        self._template_name = template_name

    def render(self, form: forms.Form, context: Context, **options: Any) -> SafeString:
        """The HTML, as crispy's layout asks for it."""
        with context.push():
            return Engine.get_default().get_template(self._template_name).render(context)


class Suggestions:
    """Words that the browser offers at a text field whose ``list`` attribute names them."""

    def __init__(self, name: str, words: Callable[[], tuple[str, ...]]) -> None:
        self._name = name
        self._words = words

    def render(self, form: forms.Form, context: Context, **options: Any) -> SafeString:
        """The HTML, as crispy's layout asks for it."""
        return format_html('<datalist id="{}">{}</datalist>', self._name, _suggested(self._words()))


@lru_cache(maxsize=8)
def _suggested(words: tuple[str, ...]) -> SafeString:
    """Written once for each choice of words: there are hundreds."""
    return format_html_join("", '<option value="{}"></option>', ((word,) for word in words))
