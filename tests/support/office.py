"""Convert exported files with LibreOffice, without its windows."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

WHAT = "LibreOffice (Debian: apt-get install libreoffice-calc-nogui)"


def find_office() -> str | None:
    """The path of LibreOffice; None where it is not installed."""
    return shutil.which("soffice")


def converted(files: Sequence[Path], kind: str, folder: Path, *, opened_as: str = "") -> list[Path]:
    """The files as LibreOffice saves them: ``kind`` is the ending, with the filter and its options behind a
    colon; ``opened_as`` is the filter by which it reads them, where the ending does not say it."""
    office = find_office()
    assert office is not None
    command = [office, f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless"]
    if opened_as:
        command.append(f"--infilter={opened_as}")
    command += ["--convert-to", kind, "--outdir", str(folder), *map(str, files)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return [folder / f"{file.stem}.{kind.partition(':')[0]}" for file in files]
