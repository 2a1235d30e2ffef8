"""How Sphinx builds these pages: ``make docs``."""

from sensorium import __version__

project = "Sensorium"
copyright = "the Sensorium maintainers"
release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"Sensorium {__version__}"
myst_heading_anchors = 3
autodoc_member_order = "groupwise"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Errors", "returns_style"), ("Legend", "notes_style")]
suppress_warnings = ["ref.python"]
