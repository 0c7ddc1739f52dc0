"""Every component has an example in the gallery, which is a page of practice only."""

from __future__ import annotations

from pathlib import Path

from django.test import Client

from consumerportal.views.gallery import examples
from tests.support.source import ROOT

CELLS = {path.stem for path in (ROOT / "templates/components/lists/cells").glob("*.html")}
# Components that are seen only inside others, or not at all.
SHOWN_ELSEWHERE = {
    **{f"lists/cells/{name}": "in lists/submission_table" for name in CELLS},
    "frame/nav_link": "in frame/navigation",
    "frame/words": "texts for scripts, not shown",
    "forms/date_parts": "in forms/field",
    "forms/list_row": "in forms/row_list",
    "lists/vendor_link": "in lists/record",
}
# Examples of classes in static/css, or of the crispy template pack.
WITHOUT_TEMPLATE = {"frame/sending_bar", "page/buttons", "page/heading", "page/tasks", "forms/field"}

# The tags that use a component.
TAGS = {
    "forms/post_button": "post_button",
    "lists/row": "row",
    "lists/table_head": "table_head",
    "page/panel": "panel",
    "text/badge": "badge",
    "text/outcome": "outcome_badge",
}


def _names(folder: str) -> set[str]:
    root = ROOT / "templates" / folder
    return {path.relative_to(root).with_suffix("").as_posix() for path in root.rglob("*/*.html")}


def test_every_component_has_an_example_that_uses_it() -> None:
    shown = {example.name: Path(ROOT / "templates" / example.template).read_text() for example in examples()}
    assert shown.keys() == _names("gallery")
    components = _names("components") - SHOWN_ELSEWHERE.keys()
    assert shown.keys() == components | WITHOUT_TEMPLATE
    unused = {
        name
        for name in components
        if f"components/{name}.html" not in shown[name] and f"{{% {TAGS.get(name)} " not in shown[name]
    }
    assert unused == set()


def test_gallery_shows_every_example(as_staff: Client) -> None:
    page = as_staff.get("/components/")
    assert page.status_code == 200
    shown = page.content.decode()
    assert [name for name in (one.name for one in examples()) if f'data-example="{name}"' not in shown] == []
