"""The headers and cookies that every answer has."""

from __future__ import annotations

from django.http import HttpResponseBase

POLICY = {
    "default-src 'none'",
    "object-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def header_faults(response: HttpResponseBase) -> list[str]:
    """The headers that are missing or too weak."""
    found = [
        f"{name}: {response.get(name)}" for name, value in HEADERS.items() if response.get(name) != value
    ]
    devices = response.get("Permissions-Policy", "")
    if not {"camera=()", "geolocation=()", "microphone=()"} <= {*devices.split(", ")}:
        found.append(f"Permissions-Policy: {devices}")
    policy = {part.strip() for part in response.get("Content-Security-Policy", "").split(";") if part.strip()}
    if policy != POLICY:
        found.append(f"Content-Security-Policy: {sorted(policy ^ POLICY)}")
    if not {"no-store", "private"} <= {*response.get("Cache-Control", "").split(", ")}:
        found.append(f"Cache-Control: {response.get('Cache-Control')}")
    for name, cookie in response.cookies.items():
        gone = not cookie.value  # deleting a cookie needs this attribute
        if not gone and not cookie["httponly"]:
            found.append(f"{name} is open to scripts")
        if cookie["samesite"] != "Lax" or cookie["domain"] or cookie["path"] != "/":
            found.append(f"{name}: {cookie.OutputString()}")
    kind = response.get("Content-Type", "")
    if kind.startswith("text/") and "charset=" not in kind:
        found.append(f"Content-Type: {kind}")
    if "Access-Control-Allow-Origin" in response:
        found.append("is open to other hosts")
    found += [f"tells {name}" for name in ("Server", "X-Powered-By") if name in response]
    return found
