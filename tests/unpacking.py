"""Unpacks archives of our own in every Python from 3.11.0 on."""

import tarfile
from pathlib import Path


def unpack(archive: Path, folder: Path) -> Path:
    """Put what an archive holds into a folder, and return the folder."""
    with tarfile.open(archive) as members:
        # Python 3.11.0 to 3.11.3 has neither filters nor the argument of `extractall`
        members.extraction_filter = getattr(tarfile, "data_filter", None)  # type: ignore[assignment]
        members.extractall(folder)
    return folder
