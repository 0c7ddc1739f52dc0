"""What the vendor publishes about these calls, as data: names, types and examples.

Source of the first part: the vendor's page of the call "Create an order consumer", v2.1. Source of the rest:
the pages that are named beside each value. Nothing here comes from our own code.
"""

from __future__ import annotations

from typing import Any

JSON = dict[str, Any]

HOST = "https://api-engage-eu.sitecorecloud.io"
ORDER_REF = "2d7de9df-45a2-45ea-872c-30e45139007d"
CREATE_PATH = "/v2.1/orders/{orderRef}/consumers"

# Request fields of "Create an order consumer": name → (type, example).
REQUEST_FIELDS: dict[str, tuple[type, Any]] = {
    "title": (str, "Mr"),
    "firstName": (str, "John"),
    "lastName": (str, "Doe"),
    "gender": (str, "male"),
    "dateOfBirth": (str, "1991-01-01T16:17:16Z"),
    "emails": (list, ["john.doe@gmail.com"]),
    "phoneNumbers": (list, ["+353161123345", "+353161123346"]),
    "nationality": (str, "Irish"),
    "passportNumber": (str, "PZ4A9565"),
    "country": (str, "IE"),
    "identifiers": (list, [{"provider": "ProfileSystem", "id": "B7524AE6-CF1C-440F-B1A2-0C9D42F5CB41"}]),
}
GENDERS = ("male", "female", "unknown")

# Response 200 of the same page.
CREATED: JSON = {
    "ref": "2d7de9df-45a2-45ea-872c-30e45139007d",
    "href": f"{HOST}/v2.1/orderConsumers/2d7de9df-45a2-45ea-872c-30e45139007d",
    "title": "Mr",
    "firstName": "John",
    "lastName": "Doe",
    "gender": "male",
    "dateOfBirth": "1991-01-01T16:17:16Z",
    "emails": ["john.doe@gmail.com"],
    "phoneNumbers": ["+353161123345", "+353161123346"],
    "nationality": "Irish",
    "passportNumber": "PZ4A9565",
    "country": "IE",
    "orderItems": {"orderItems": [{"href": f"{HOST}/v2.1/orderItems/111d106a-feff-42b2-90fb-a6ed136ec333"}]},
    "order": {"href": f"{HOST}/v2.1/orders?guestRef=2d7de9df-45a2-45ea-872c-30e45139007d&offset=1&limit=10"},
    "guest": {"href": f"{HOST}/v2.1/guests/f7aabbca-1c1b-4fc2-be72-3e16294a4f03"},
}

# Response 401 of the same page: `status` is a text.
UNAUTHORIZED: JSON = {
    "status": "UNAUTHORIZED",
    "code": 401,
    "message": (
        "Authentication credentials are required to access the resource. All requests must be authenticated."
    ),
    "moreInfoUrl": "https://support.sitecore.com",
}

# Legacy page of the order consumer: list under `items`, a true order link, dates, minutes precision.
LEGACY: JSON = {
    **CREATED,
    "dateOfBirth": "1985-12-24T00:00Z",
    "createdAt": "2025-08-05T10:11:12.345Z",
    "modifiedAt": "2025-08-05T10:11:12.345Z",
    "orderItems": {"items": [{"href": f"{HOST}/v2/orderItems/111d106a-feff-42b2-90fb-a6ed136ec333"}]},
    "order": {"href": f"{HOST}/v2/orders/2d7de9df-45a2-45ea-872c-30e45139007d"},
}

# Error bodies of the guest pages (`status` a number) and of the order family.
INVALID_GUEST_WORDING: JSON = {
    "status": 400,
    "code": 400,
    "message": "guestType: not a valid value",
    "developerMessage": "Attribute guestType is invalid (not a valid value).",
    "moreInfoUrl": "https://support.sitecore.com",
}
INVALID_ORDER_WORDING: JSON = {
    "status": 400,
    "code": 400,
    "message": "firstName: may not be null.",
    "developerMessage": "firstName: may not be null.",
    "moreInfoUrl": "https://support.sitecore.com",
}
MALFORMED: JSON = {
    "status": 400,
    "code": 400,
    "message": "Unable to parse JSON string",
    "developerMessage": "JSON parse error [line: 7, column: 6].",
    "moreInfoUrl": "https://support.sitecore.com",
}
CLIENT_KEY_IN_ANSWER = "pskey-EXAMPLE-0123456789"
NOT_FOUND: JSON = {
    "status": 404,
    "code": 404,
    "message": "The specified resource does not exist.",
    "developerMessage": f"Guest with ref {ORDER_REF} for client key {CLIENT_KEY_IN_ANSWER} was not found",
    "moreInfoUrl": "https://support.sitecore.com",
}

# Order pages: fields of an order.
ORDER: JSON = {
    "ref": ORDER_REF,
    "href": f"{HOST}/v2.1/orders/{ORDER_REF}",
    "createdAt": "2024-01-02T03:04:05Z",
    "modifiedAt": "2024-01-02T03:04:05Z",
    "orderedAt": "2024-01-01T16:17:16Z",
    "price": 100.1,
    "currencyCode": "EUR",
    "referenceId": "B94TXY-1",
    "paymentType": "Card",
    "cardType": "Visa",
    "pointOfSale": "myretailsite.ie",
    "channel": "WEB",
    "status": "PARTIALY_CONFIRMED",
    "contacts": {"href": f"{HOST}/v2.1/orders/{ORDER_REF}/contacts"},
    "consumers": {"href": f"{HOST}/v2.1/orders/{ORDER_REF}/consumers"},
    "orderItems": {"href": f"{HOST}/v2.1/orders/{ORDER_REF}/orderItems"},
}

# Guest pages: fields of a guest, dates with milliseconds.
GUEST: JSON = {
    "ref": "f7aabbca-1c1b-4fc2-be72-3e16294a4f03",
    "href": f"{HOST}/v2.1/guests/f7aabbca-1c1b-4fc2-be72-3e16294a4f03",
    "guestType": "traveller",
    "createdAt": "2024-01-02T03:04:05.678Z",
    "modifiedAt": "2024-01-02T03:04:05.678Z",
    "firstSeen": "2024-01-02T03:04:05.678Z",
    "lastSeen": "2024-01-02T03:04:05.678Z",
    "title": "Mr",
    "firstName": "John",
    "lastName": "Doe",
    "gender": "male",
    "dateOfBirth": "1991-01-01T16:17:16.000Z",
    "email": "john.doe@gmail.com",
    "emails": ["john.doe@gmail.com"],
    "phoneNumbers": ["+353161123345"],
    "language": "EN",
    "nationality": "Irish",
    "passportNumber": "PZ4A9565",
    "passportExpiry": "2031-01-01T16:17:16.000Z",
    "street": ["Main Street"],
    "city": "Dublin",
    "state": "Leinster",
    "postCode": "D02",
    "country": "IE",
    "identifiers": [
        {"provider": "ProfileSystem", "id": "B7524AE6", "expiryDate": "2031-01-01T16:17:16.000Z"}
    ],
    "dataExtensions": [],
}
