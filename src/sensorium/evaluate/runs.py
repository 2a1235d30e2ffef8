"""All the runs that a report needs beyond the plain one: parts alone, shuffled columns, subsets.

The parts run over all rows; the many others over a sample of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from sensorium.core.errors import PartError
from sensorium.core.seed import numpy_generator
from sensorium.evaluate.alterations import altered
from sensorium.evaluate.contribution import shuffles
from sensorium.evaluate.modalities import modalities
from sensorium.evaluate.subsets import Subset, alterations_of, subsets
from sensorium.model import Model
from sensorium.preprocess import Shelf
from sensorium.tasks.head import Array

MOST = 2_000
LEAST = 200
PASSES = 100_000
"""Columns are shuffled, and subsets tried, on 200 to 2,000 rows: fewer the more runs there are."""

Answers = Mapping[str, Array]
"""What the model decided, by target."""


@dataclass(frozen=True, eq=False)
class Runs:
    """What the model answered when its inputs were altered.

    Attributes:
        modalities: the columns of each modality, by its name.
        alone: with one modality only, all rows; {} where there is only one.
        places: the rows of the sample, by their place among all.
        shuffled: with a column shuffled, by column and repeat; the sample's rows.
        subsets: with some modalities only, more than one and not all; the sample's rows.
    """

    modalities: Mapping[str, tuple[str, ...]]
    alone: Mapping[str, Answers]
    places: Int[np.ndarray, " sample"]
    shuffled: Mapping[tuple[str, int], Answers]
    subsets: Mapping[Subset, Answers]


def run_altered(model: Model, shelf: Shelf, *, without: Sequence[str] = (), seed: int = 0) -> Runs:
    """Make all altered runs.

    Args:
        model: the model.
        shelf: the clean cells of the rows.
        without: input columns that are taken away throughout.
        seed: draws the sample and the shuffles.

    Errors:
        PartError: no column is left.
    """
    inputs = {name: f for name, f in model.schema.inputs.items() if name not in without}
    if not inputs:
        msg = f"without {', '.join(map(repr, without))} no input is left to judge; leave one in"
        raise PartError(msg)
    parts = modalities(inputs)
    tried = subsets(list(parts)) if len(parts) > 1 else []
    alone = alterations_of([s for s in tried if len(s) == 1], parts)
    some = alterations_of([s for s in tried if 1 < len(s) < len(parts)], parts)
    shuffled = shuffles(inputs, seed)
    most = max(LEAST, min(MOST, PASSES // (len(shuffled) + len(some))))
    places = numpy_generator(seed, "sample").permutation(len(shelf))[:most]
    whole = len(places) == len(shelf)
    found = altered(
        model, shelf, places, {**shuffled, **some, **(alone if whole else {})}, without=without
    )
    if not whole:
        found |= altered(model, shelf, np.arange(len(shelf)), alone, without=without)
    order = np.argsort(places) if whole else slice(None)
    return Runs(
        modalities=parts,
        alone={name: {t: a[order] for t, a in found[(name,)].items()} for (name,) in alone},
        places=places,
        shuffled={key: found[key] for key in shuffled},
        subsets={names: found[names] for names in some},
    )
