"""The renderer of all form controls."""

from __future__ import annotations

from typing import Any

from django.forms.renderers import DjangoTemplates
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString

_INPUTS = frozenset({"text", "hidden", "checkbox"})
_OPTIONS = frozenset({"radio_option", "checkbox_option"})


class ControlRenderer(DjangoTemplates):
    """Renders inputs and selects without templates, every other control as Django does.

    Django renders three templates for an input, and two for each option. The form has about thirty inputs.
    Templates that a subclass of a widget names for its options are not used.
    """

    def render(self, template_name: str, context: dict[str, Any], request: Any = None) -> str:
        """The control as HTML."""
        widget = context.get("widget", {})
        kind = template_name.removeprefix("django/forms/widgets/").removesuffix(".html")
        if kind in _INPUTS or (kind in _OPTIONS and not widget["wrap_label"]):
            value = widget["value"]
            own = {name: widget[name] for name in ("type", "name")}
            own["value"] = None if value is None else str(value)
            return SafeString(f"<input{attributes_html(own | widget['attrs'])}>")
        if kind == "select":
            return _select(widget)
        return super().render(template_name, context, request)


def attributes_html(attributes: dict[str, Any]) -> SafeString:
    """The attributes of a tag, escaped, in their order. None and False are left out; True has no value.

    Django's ``flatatt`` sorts them and takes three times as long.
    """
    parts = []
    for name, value in attributes.items():
        if value is True:
            parts.append(f" {name}")
        elif value is not None and value is not False:
            parts.append(f' {name}="{conditional_escape(value)}"')
    return SafeString("".join(parts))


def _select(widget: dict[str, Any]) -> SafeString:
    parts = []
    for group, options, _index in widget["optgroups"]:
        shown = "".join(
            f"<option{attributes_html({'value': str(option['value'])} | option['attrs'])}>"
            f"{conditional_escape(option['label'])}</option>"
            for option in options
        )
        parts.append(f'<optgroup label="{conditional_escape(group)}">{shown}</optgroup>' if group else shown)
    return SafeString(
        f"<select{attributes_html({'name': widget['name']} | widget['attrs'])}>{''.join(parts)}</select>"
    )
