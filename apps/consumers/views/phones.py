"""View that shows how a phone number is read, while it is typed."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_POST

from apps.consumers import labels, phones
from apps.consumers.forms.fields import PhoneListField
from apps.consumers.permissions import CREATE_ORDER_CONSUMER
from apps.core.forms.input import single_value
from apps.core.web.background import background
from apps.core.web.permissions import requires

MAX_LENGTH = 1000  # characters, the limit of the field


@background
@requires(CREATE_ORDER_CONSUMER)
@require_POST
def phone_reading(request: HttpRequest) -> JsonResponse:
    """Return as JSON how each number in ``number`` is read: country and E.164, or the reason why not.

    A POST, so that no number appears in a URL. Nothing is stored or sent to the vendor.
    """
    typed = single_value(request.POST, "number")[:MAX_LENGTH]
    numbers = [
        (number, phones.read(number)) for number in phones.split_numbers(PhoneListField.visible(typed))
    ]
    readings = [
        {"text": labels.phone_reading(number, reading), "read": reading.fault is None}
        for number, reading in numbers
    ]
    return JsonResponse({"readings": readings})
