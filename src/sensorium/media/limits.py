"""What is refused before it is decoded, and the words for it."""

from sensorium.core.errors import CellError


def check_pixels(width: int, height: int, max_pixels: int) -> None:
    """Refuse a picture by the size that its header declares.

    Errors:
        CellError: it declares no pixels, or more than ``max_pixels``.
    """
    if width < 1 or height < 1:
        raise CellError(f"a picture of {width} x {height} px", "replace the file")
    if width * height > max_pixels:
        raise too_large(f"{width:,} x {height:,} px", max_pixels)


def too_large(size: str, max_pixels: int) -> CellError:
    """Say that a picture declares too many pixels."""
    return CellError(
        f"a picture of {size}, more than the {max_pixels:,} px allowed",
        "make it smaller, or raise Image(max_pixels=...)",
    )


def too_long(seconds: float, most: float) -> CellError:
    """Say that a sound lasts too long."""
    found, allowed = (f"{x:,.0f}" if x >= 100 else f"{x:.3g}" for x in (seconds, most))
    return CellError(
        f"a sound of {found} s, more than the {allowed} s allowed",
        "cut it, raise Audio(max_seconds=...), or transcribe it in windows (sensorium.transcribe)",
    )


def damaged(what: str, why: object) -> CellError:
    """Say that a file's content is damaged."""
    reason = " ".join(str(why).split())[:200]
    return CellError(f"a damaged {what} ({reason})", "replace the file, or leave the cell empty")
