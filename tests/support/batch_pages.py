"""Use the pages of lists as a browser does: paste a table, read what is shown, post it back."""

from __future__ import annotations

import html
import re
from typing import Any

from django.test import Client
from django.urls import reverse

from apps.batches.models import Batch
from sandbox.data.seed import SAMPLE_ORDER

NEW = reverse("batches:new")
LISTS = reverse("batches:batches")
HEADERS = "First name\tLast name\tDate of birth\tEmail"
ADA = "Ada\tKingsley\t1990-01-02\tada@example.com"
BEN = "Ben\tOkonkwo\t1971-05-30\tben@example.com"
TABLE = f"{HEADERS}\n{ADA}\n{BEN}\n"
WITHOUT_NAME = "Cleo\t\t1980-03-04\tcleo@example.com"


def at(name: str, batch: Batch, *arguments: object) -> str:
    """The address of a page or an act of a list."""
    return reverse(f"batches:{name}", args=[batch.public_id, *arguments])


def text(answer: Any) -> str:
    """The visible text of a page."""
    return html.unescape(" ".join(re.sub("<[^>]+>", " ", answer.content.decode()).split()))


def summary_of(answer: Any) -> list[str]:
    """The lines of the error summary."""
    found = re.search("data-error-summary.*?</div>", answer.content.decode(), re.DOTALL)
    assert found is not None
    return [html.unescape(re.sub("<[^>]+>", "", line)) for line in re.findall("<li>(.*?)</li>", found[0])]


def values_of(answer: Any, *, of: str = "") -> dict[str, str]:
    """What a browser would post of the form of a page with this address; by default of the entry form."""
    page = answer.content.decode()
    form = page[page.index(f'action="{of}"' if of else 'id="entry"') :]
    form = re.sub("<template.*?</template>", "", form[: form.index("</form>")], flags=re.DOTALL)
    values = {}
    for tag in re.findall("<input[^>]+>", form):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        is_chosen = attributes.get("type") not in ("radio", "checkbox") or " checked" in tag
        if "name" in attributes and is_chosen:
            values[attributes["name"]] = html.unescape(attributes.get("value", ""))
    for name, options in re.findall(r'<select name="([^"]+)".*?>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'value="([^"]*)"[^>]* selected', options)
        values[name] = chosen[1] if chosen else ""
    return values


def shown_on(answer: Any, batch: Batch, act: str) -> dict[str, str]:
    """What the page of the list posts back of what it shows, with the act of this name."""
    page = answer.content.decode()
    form = page[page.index(f'action="{at(act, batch)}"') :]
    found = re.search('name="shown" value="([0-9a-f]+)"', form[: form.index("</form>")])
    assert found is not None
    return {"shown": found[1]}


def paste(client: Client, table: str = TABLE, order: str = SAMPLE_ORDER, **values: Any) -> Any:
    """Post a table, of two valid rows if no other is given, as a new list; the answer."""
    return client.post(NEW, {"order_ref": order, "table": table, **values})


def only_batch() -> Batch:
    """The list, if there is exactly one. Raises an error if there is none or are several."""
    return Batch.objects.get()
