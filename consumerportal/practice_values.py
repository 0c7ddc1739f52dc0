"""The built-in values of practice mode, so that a fresh machine starts with one command."""

from __future__ import annotations

# Published with the source and therefore not secret. `Startup.required` refuses them in production.
PRACTICE_VALUES = {
    "SECRET_KEY": "practice-only-secret-key-practice-only-secret-key-practice",
    "ENCRYPTION_KEYS": "cHJhY3RpY2Utb25seS1wcmFjdGljZS1vbmx5LWtleSE=",
    "DIGEST_KEYS": "practice-only-digest-key-practice-only",
    "AUDIT_SIGNING_KEY": "cHJhY3RpY2Utb25seS1hdWRpdC1zaWduaW5nLWtleSE=",
    "AUDIT_MAC_KEYS": "cHJhY3RpY2Utb25seS1hdWRpdC1tYWMta2V5LTAwMDE=",
    "CDP_CLIENT_KEY": "practice-client-key",
    "CDP_API_TOKEN": "practice-api-token",
    "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]",
    "CDP_BASE_URL": "http://127.0.0.1:8031",
}

# Names and addresses of this machine are refused in every spelling, by host_names_problem and
# check_client_settings.
PUBLISHED = frozenset(PRACTICE_VALUES.values()) - {
    PRACTICE_VALUES["ALLOWED_HOSTS"],
    PRACTICE_VALUES["CDP_BASE_URL"],
}
