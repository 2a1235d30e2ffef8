"""Which columns make up one modality: what "each part alone" and "every subset" are asked of.

A photo or a text is a modality by itself; the plain columns of a table (numbers, categories,
flags, dates) are one together, because nobody asks what the number of bathrooms says without the
number of bedrooms. Where there is nothing but plain columns, each stands for itself, up to twenty:
of hundreds, nobody asks what each says alone.
"""

from collections.abc import Mapping

from sensorium.core.schema import Field

PLAIN = frozenset({"number", "category", "flag", "date"})
TABLE = "table"
MOST_ALONE = 20
"""So many plain columns, with nothing else beside them, are still asked one by one."""


def modalities(inputs: Mapping[str, Field]) -> dict[str, tuple[str, ...]]:
    """Group input columns into modalities.

    Returns:
        The columns of each modality, by its name: the column's own where it is one column, and
        ``"table"`` for plain columns together.
    """
    plain = tuple(name for name, field in inputs.items() if field.kind in PLAIN)
    if len(plain) < 2 or len(plain) == len(inputs) <= MOST_ALONE:
        return {name: (name,) for name in inputs}
    title = TABLE
    while title in inputs:
        title += " columns"
    single = {name: (name,) for name in inputs if name not in plain}
    return {**single, title: plain}
