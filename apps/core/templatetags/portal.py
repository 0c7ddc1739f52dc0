"""Tags and filters of every page: times, and the components that take blocks, lists or permissions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from django import template
from django.conf import settings
from django.template.base import NodeList
from django.template.context import Context
from django.template.loader import get_template, render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import conditional_escape, escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext

from apps.core.web import requests

register = template.Library()

DAY = "j F Y"
SHOWN_OF_REFERENCE = 8  # characters
PANEL_KINDS = frozenset(
    {
        "created",
        "rejected",
        "not_sent",
        "not_created",
        "unknown",
        "sending",
        "already_sent",
        "warning",
        "information",
    }
)


@register.filter
def of_part(messages: Iterable[Any], part: str) -> list[Any]:
    """The messages that a page shows at this part, by their tag; without a tag, at the top."""
    return [message for message in messages or () if (getattr(message, "extra_tags", "") or "") == part]


@register.filter
def day(value: dt.date | None) -> str:
    """``7 March 1991``; for a moment, the day that it falls on in the reader's zone. Nothing for None."""
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        value = timezone.localtime(value)
    return date_format(value, DAY)


@register.simple_tag
def moment(value: dt.datetime | None, seconds: bool = False) -> SafeString:
    """A ``time`` element in the reader's zone, with UTC for machines and on hover. Nothing for None.

    Raises ``ValueError`` for a moment without a time zone, which cannot be shown correctly.
    """
    if value is None:
        return SafeString("")
    local, utc = timezone.localtime(value), value.astimezone(dt.UTC)
    language, utc_time = get_language(), f"{utc:%H:%M:%S}"
    title = gettext("%(moment)s UTC") % {"moment": f"{_day_words(utc.date(), language)}, {utc_time}"}
    shown = f"{_day_words(local.date(), language)}, {local.strftime('%H:%M:%S' if seconds else '%H:%M')}"
    # A list has fifty of them: format_html would add 7 µs to each 26.
    return SafeString(
        f'<time datetime="{utc.date()}T{utc_time}Z" title="{escape(title)}">{escape(shown)}</time>'
    )


@lru_cache(maxsize=512)  # a page of a list has fifty moments of a few days
def _day_words(date: dt.date, _language: str | None) -> str:
    return date_format(date, DAY)


@register.simple_tag
def fixed_part(template_name: str) -> SafeString:
    """A part of the page that depends on nothing but the language; rendered once for each language."""
    return _fixed_part(template_name, get_language())


@lru_cache(maxsize=32)
def _fixed_part(template_name: str, _language: str | None) -> SafeString:
    return SafeString(render_to_string(template_name).strip())


@register.simple_tag(takes_context=True)
def cells(context: Context, columns: Iterable[Any]) -> SafeString:
    """The cells of a table's row, each by the template of its column, with everything that the row has.

    A column has a ``key`` and a ``heading``. A page has three hundred cells: a loop of the template around
    ``include`` would look each template up, copy the context and escape the heading again.
    """
    return SafeString(
        "".join(
            f"{_cell_start(column.heading)}{_cell(column.key).render(context).strip()}</td>"
            for column in columns
        )
    )


@lru_cache(maxsize=64)
def _cell_start(heading: str) -> SafeString:
    return format_html('<td role="cell" data-label="{}">', heading)


@lru_cache(maxsize=32)
def _cell(key: str) -> NodeList:
    found: Any = get_template(f"components/lists/cells/{key}.html")
    nodes: NodeList = found.template.nodelist
    return nodes


@register.simple_tag
def outcome_badge(outcome: str) -> SafeString:
    """The outcome of a submission as a label and a shape."""
    return _outcome_badge(outcome, get_language())


@lru_cache(maxsize=64)
def _outcome_badge(outcome: str, _language: str | None) -> SafeString:
    return SafeString(render_to_string("components/text/outcome.html", {"outcome": outcome}).strip())


@register.simple_tag
def badge(shape: str, label: str) -> SafeString:
    """A state as a label with the shape and the colours of an outcome."""
    return _badge(shape, conditional_escape(label))  # a safe text equals the same plain text


@lru_cache(maxsize=64)  # a page has fifty of them, but only a few different ones
def _badge(shape: str, label: str) -> SafeString:
    return SafeString(
        render_to_string("components/text/badge.html", {"shape": shape, "label": label}).strip()
    )


@register.simple_tag
def short_reference(reference: str, what: str) -> SafeString:
    """The beginning of a reference in a row of a list, with a button that copies the whole of it.

    ``what``: its name on the button, such as "order reference". A reference that is short enough is shown as
    it is. On paper, where nothing can be copied, it is whole.
    """
    if len(reference) <= SHOWN_OF_REFERENCE + 1:
        return format_html('<span class="mono">{}</span>', reference)
    return format_html(
        '<span class="mono text-nowrap" title="{reference}">{shown}<span class="cut">…</span>'
        '<span class="rest">{rest}</span></span> <button type="button"'
        ' class="btn-copy-small no-print needs-script" data-copy="{reference}"><span data-copy-label>{label}'
        '</span><span class="visually-hidden"> {what} {shown}</span></button>',
        reference=reference,
        shown=reference[:SHOWN_OF_REFERENCE],
        rest=reference[SHOWN_OF_REFERENCE:],
        label=gettext("Copy"),
        what=what,
    )


@register.simple_block_tag
def panel(content: str, kind: str, title: str, level: int = 2, focus: bool = False) -> str:
    """A panel that shows its kind by text and shape: ``{% panel "created" title %}…{% endpanel %}``.

    ``level`` is the level of its heading (1 where the panel is the page's heading); ``focus`` moves the
    keyboard's focus to it when the page has loaded. Raises ``ValueError`` for an unknown kind.
    """
    if kind not in PANEL_KINDS:
        raise ValueError(f"no panel of kind {kind}")
    return render_to_string(
        "components/page/panel.html",
        {"kind": kind, "title": title, "heading": f"h{level}", "focus": focus, "content": content},
    )


@register.simple_block_tag
def row(content: str, key: str) -> str:
    """One key and its value in a ``dl.summary``."""
    return render_to_string("components/lists/row.html", {"key": key, "content": content})


class _Headings(dict[str, str]):
    """The headings of a table. A name that it does not have is an error, not an empty text."""

    def __missing__(self, name: str) -> str:
        # Templates treat KeyError and ValueError as an empty text.
        raise LookupError(f"the table has no heading {name}")


@register.simple_tag(takes_context=True)
def table_head(context: Context, numbers: str = "", **headings: str) -> str:
    """The head of a table: ``{% table_head time=_("Time") rows=_("Rows") numbers="rows" %}``.

    ``numbers`` names the columns of numbers, separated by blanks. A column without a heading is left out. The
    headings are then in ``headings``, for the cells: ``<td role="cell" data-label="{{ headings.time }}">``.
    """
    # Translated once, not in every cell.
    texts = _Headings((name, str(heading)) for name, heading in headings.items())
    context["headings"] = texts
    columns = [
        {"heading": heading, "is_number": name in numbers.split()}
        for name, heading in texts.items()
        if heading
    ]
    return render_to_string("components/lists/table_head.html", {"columns": columns})


@register.simple_block_tag(takes_context=True)
def post_button(context: Context, content: str, kind: str, name: str, *args: Any, sending: str = "") -> str:
    """A form that is only a button: ``{% post_button "primary" "audit:verify" %}Go{% endpost_button %}``.

    ``kind``: primary, secondary, danger or link. ``name`` and ``args``: the address it posts to.
    ``sending``: the button's text while it is being sent.
    """
    values = {"kind": kind, "url": reverse(name, args=args), "content": content, "sending": sending}
    return render_to_string(
        "components/forms/post_button.html", {**values, "csrf_token": context.get("csrf_token")}
    )


@register.simple_tag(takes_context=True)
def support_code(context: Context) -> str:
    """The code to quote to support: the view's, else the request's; empty without a request."""
    if given := context.get("support_code"):
        return str(given)
    request = context.get("request")
    return requests.support_code(request) if request is not None else ""


@register.simple_tag
def portal_version() -> str:
    """The version of the portal, for the footer."""
    return str(settings.VERSION)


@register.inclusion_tag("components/frame/nav_link.html", takes_context=True)
def nav_link(context: Context, name: str, label: str, *permissions: str) -> dict[str, Any]:
    """An entry of the navigation, for people with at least one of the permissions.

    An address that this installation does not have makes no entry, so no page breaks over it.
    """
    user = context.get("user")
    if user is None or not any(user.has_perm(permission) for permission in permissions):
        return {"address": ""}
    try:
        address = reverse(name)
    except NoReverseMatch:
        return {"address": ""}
    match = getattr(context.get("request"), "resolver_match", None)
    return {"address": address, "label": label, "current": match is not None and match.view_name == name}
