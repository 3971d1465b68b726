"""Sphinx's settings for the website; `tools/website.py` writes the pages and calls Sphinx."""

from __future__ import annotations

import re

from sphinx.application import Sphinx

project = "Variational autoencoders"
author = "the authors of the VAE course"
project_copyright = author
language = "en"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinxcontrib.bibtex"]
exclude_patterns = ["_build"]
smartquotes = False

nb_execution_mode = "off"  # what is shown is what was recorded, and what CI has compared
nb_render_image_options = {"align": "left"}
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
mathjax_path = "mathjax/tex-chtml.js"  # a copy beside the pages: nothing is fetched from elsewhere
bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "unsrt"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True

html_theme = "sphinx_book_theme"
html_title = "Variational autoencoders"
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_css_files = ["course.css"]
html_show_sourcelink = False
html_context = {"default_mode": "auto"}
html_copy_source = False
html_theme_options = {
    "use_download_button": True,
    "use_fullscreen_button": False,
    "show_toc_level": 2,
    "navbar_persistent": [],
    "home_page_in_toc": True,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def as_it_stands(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """A docstring of the package is plain text, whose lines and stars mean what they say."""
    lines[:] = ["| " + _escaped(line) if line.strip() else "" for line in lines]


def _escaped(line: str) -> str:
    parts = re.split(r"(`[^`]+`)", line)
    plain = (re.sub(r"([\\*|_<>])", r"\\\1", part) for part in parts[::2])
    code = (f"`{part}`" for part in parts[1::2])
    return "".join(text for pair in zip(plain, [*code, ""], strict=True) for text in pair)


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-docstring", as_it_stands)
