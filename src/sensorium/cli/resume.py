"""``sensorium resume``: go on with a fit that was cut off."""

from pathlib import Path
from typing import Annotated

import typer

from sensorium.cli.options import CacheGb


def resume(
    run: Annotated[Path, typer.Argument(help="The folder of the fit, such as runs/mood-1.")],
    quiet: Annotated[bool, typer.Option(help="Show no progress.")] = False,
    cache_gb: CacheGb = None,  # noqa: ARG001  the flag's own callback sets it
) -> None:
    """Go on with a fit from its newest checkpoint, as if it had never stopped."""
    from sensorium import auto
    from sensorium.cli.show import show_run

    show_run(auto.resume(run, quiet=quiet))
