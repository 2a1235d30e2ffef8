"""``sensorium plan``: spell out what was chosen for a fit, as a plan to change and run again."""

from pathlib import Path
from typing import Annotated

import typer


def plan(
    run: Annotated[Path, typer.Argument(help="The folder of the fit, such as runs/mood-1.")],
    out: Annotated[Path | None, typer.Option(help="Write it here; left out, print it.")] = None,
) -> None:
    """Write all that was chosen for a fit as a TOML plan, to change and fit again."""
    from sensorium.config import plan_of, write_plan
    from sensorium.core.errors import PlanError

    text = write_plan(plan_of(run))
    if out is None:
        typer.echo(text, nl=False)
        return
    if out.exists():
        msg = f"{out} is there already; name another file"
        raise PlanError(msg)
    out.write_text(text, encoding="utf-8")
    typer.echo(f"wrote {out}; sensorium fit --plan {out}", err=True)
