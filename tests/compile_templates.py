"""Compiles every template of the project, so that a syntax error is found before a page is opened."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "consumerportal.settings")
    import django

    django.setup()
    from django.conf import settings
    from django.template import TemplateSyntaxError
    from django.template.loader import get_template

    folder = Path(settings.BASE_DIR) / "templates"
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.html"))
    broken = 0
    for name in names:
        try:
            get_template(name)
        except TemplateSyntaxError as error:
            broken += 1
            print(f"{name}: {error}")
    print(f"{len(names)} templates compiled, {broken} broken")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
