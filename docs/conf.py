"""The documentation site: ``make docs``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

_HERE = Path(__file__).parent
_PACKAGE = _HERE.parent / "airflow_provider_kaizala"
sys.path.insert(0, str(_HERE / "_ext"))

project = "airflow-provider-kaizala"
author = "the authors of airflow-provider-kaizala"
copyright = author
release = re.search(r'__version__ = "(.*)"', (_PACKAGE / "__init__.py").read_text()).group(1)  # type: ignore[union-attr]
version = release

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "autoapi.extension",
    "sphinx_copybutton",
    "benchmark_figures",
    "conversations",
    "input_errors",
    "internal_links",
    "kaizala_reference",
]
exclude_patterns = ["_build", "_ext"]
templates_path: list[str] = []

# --- Markdown
myst_enable_extensions = [
    "attrs_block",
    "attrs_inline",
    "colon_fence",
    "deflist",
    "fieldlist",
    "html_image",
    "substitution",
]
myst_heading_anchors = 3

# --- the reference: read from the sources, so neither Airflow nor this package has to be installed
autoapi_dirs = [str(_PACKAGE)]
autoapi_ignore = ["*/server/*", "*/push/page/*", "*/migrations/*", "*/cli/*"]
autoapi_generate_api_docs = False
autoapi_member_order = "bysource"
add_module_names = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
# Links to our own names must lead somewhere; those of Python and Airflow lead nowhere, as the site is built offline.
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(?!airflow_provider_kaizala\.|Kaizala).*")]
# Names that packages hand on by `lazy` cannot be seen in their sources.
suppress_warnings = ["autoapi.python_import_resolution"]

# --- HTML
html_theme = "furo"
html_title = f"Kaizala for Airflow {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
copybutton_prompt_text = "$ "
