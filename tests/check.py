"""``make check``: run every check, one per core; report every failure, then the total.

With ``--quick`` only the checks that take about a second: the hook before each commit.
"""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import sys
from base64 import b64encode, urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

BIN = Path(sys.executable).parent
BIOME = "node_modules/@biomejs/biome/bin/biome"


def production_environment() -> dict[str, str]:
    """A complete production environment with secrets generated for this run."""
    return {
        "PORTAL_MODE": "production",
        "SECRET_KEY": secrets.token_urlsafe(60),
        "ENCRYPTION_KEYS": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "DIGEST_KEYS": secrets.token_urlsafe(40),
        "AUDIT_SIGNING_KEY": b64encode(secrets.token_bytes(32)).decode(),
        "AUDIT_MAC_KEYS": b64encode(secrets.token_bytes(32)).decode(),
        "ALLOWED_HOSTS": "portal.example.com",
        "CDP_CLIENT_KEY": "check-client-key",
        "CDP_API_TOKEN": secrets.token_urlsafe(24),
        "CDP_BASE_URL": "https://api-engage-eu.sitecorecloud.io",
    }


def tracked(pattern: str = ".") -> list[str]:
    """The files that match a pattern of Git and are committed or staged."""
    listed = subprocess.run(["git", "ls-files", "-z", pattern], check=True, capture_output=True, text=True)
    return [name for name in listed.stdout.split("\0") if Path(name).is_file()]


Check = tuple[str, list[str], dict[str, str]]  # name, command, additional environment
QUICK: list[Check] = [
    ("format", [str(BIN / "ruff"), "format", "--check", "."], {}),
    ("lint", [str(BIN / "ruff"), "check", "."], {}),
    ("scripts and style sheets", [str(BIN / "node"), BIOME, "check", "--error-on-warnings"], {}),
    ("templates", [str(BIN / "djade"), "--check", *tracked("templates/*.html")], {}),
    ("private keys", [str(BIN / "detect-private-key"), *tracked()], {}),
    ("large files", [str(BIN / "check-added-large-files"), "--enforce-all", "--maxkb=500", *tracked()], {}),
]
CHECKS: list[Check] = [
    *QUICK,
    ("types", [str(BIN / "mypy")], {}),
    ("import contracts", [str(BIN / "lint-imports"), "--no-cache"], {}),
    ("template syntax", [sys.executable, "-m", "tests.compile_templates"], {}),
    (
        "missing migrations",
        [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"],
        {},
    ),
    (
        "deployment",
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        production_environment(),
    ),
]


def main() -> int:
    parser = argparse.ArgumentParser(prog="make check")
    parser.add_argument("--quick", action="store_true", help="only the checks that take about a second")
    checks = QUICK if parser.parse_args().quick else CHECKS
    failed: list[str] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for (name, _command, _environment), done in zip(checks, pool.map(_run, checks), strict=True):
            print(f"--- {name}", done.stdout.strip(), sep="\n", flush=True)
            if done.returncode:
                failed.append(name)
    print(f"--- {len(checks) - len(failed)} of {len(checks)} checks passed", flush=True)
    for name in failed:
        print(f"FAILED: {name}", flush=True)
    return bool(failed)


def _run(check: Check) -> subprocess.CompletedProcess[str]:
    _name, command, environment = check
    base = dict(os.environ)
    if environment:
        base.pop("CDP_BASE_URL", None)
    return subprocess.run(
        command,
        env={**base, **environment},
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


if __name__ == "__main__":
    sys.exit(main())
