"""Convert exported files with LibreOffice in headless mode."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

WHAT = "LibreOffice (Debian: apt-get install libreoffice-calc-nogui)"


def find_office() -> str | None:
    """The path of LibreOffice; None if it is not installed."""
    return shutil.which("soffice")


def converted(files: Sequence[Path], kind: str, folder: Path, *, opened_as: str = "") -> list[Path]:
    """The files as LibreOffice saves them.

    ``kind`` is the file extension, then a colon, the filter and its options. ``opened_as`` is the input
    filter if the extension does not determine it.
    """
    office = find_office()
    assert office is not None
    command = [office, f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless"]
    if opened_as:
        command.append(f"--infilter={opened_as}")
    command += ["--convert-to", kind, "--outdir", str(folder), *map(str, files)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return [folder / f"{file.stem}.{kind.partition(':')[0]}" for file in files]
