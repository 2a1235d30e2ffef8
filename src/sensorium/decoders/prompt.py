"""Words with which texts begin; a column's name in braces stands for each row's own cell.

``"<s_question>{question}</s_question>"`` asks every row what its column ``question`` says.
"""

import re
from collections.abc import Mapping

PLACE = re.compile(r"\{([^{}\"':]+)\}")


def columns_of(prompt: str) -> tuple[str, ...]:
    """List the columns that a prompt names, each once."""
    return tuple(dict.fromkeys(PLACE.findall(prompt)))


def filled(prompt: str, cells: Mapping[str, str]) -> str:
    """Put cells in place of their columns' names; what is missing leaves nothing."""
    return PLACE.sub(lambda place: cells.get(place[1], ""), prompt)
