"""Finding the model in the folder that a user names."""

from pathlib import Path


def model_in(folder: Path) -> Path:
    """Take a fit's folder for the model within it."""
    return folder / "model" if (folder / "model" / "sensorium.json").is_file() else folder
