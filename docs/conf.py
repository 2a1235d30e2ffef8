"""How Sphinx builds these pages: ``make docs``."""

import re
from typing import Any

from sensorium import __version__

project = "Sensorium"
copyright = "the Sensorium maintainers"
release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"Sensorium {__version__}"
myst_heading_anchors = 3
autoclass_content = "both"
autodoc_member_order = "groupwise"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_numpy_docstring = False
napoleon_attr_annotations = False
napoleon_custom_sections = [("Errors", "params_style")]


def plain_words(*event: Any) -> None:
    """Let stars and bars in docstrings be what they are: formulas, not markup."""
    lines: list[str] = event[-1]
    for number, line in enumerate(lines):
        pieces = re.split(r"(``.*?``)", line)
        pieces[::2] = [re.sub(r"([*|])", r"\\\1", piece) for piece in pieces[::2]]
        lines[number] = "".join(pieces)


def leave_out(_app: Any, _what: str, name: str, *_: Any) -> bool | None:
    """Leave out the methods that scikit-learn adds to every estimator."""
    return True if re.fullmatch(r"set_\w+_request", name) else None


def setup(app: Any) -> None:
    """Connect the two."""
    app.connect("autodoc-process-docstring", plain_words, priority=100)
    app.connect("autodoc-skip-member", leave_out)
