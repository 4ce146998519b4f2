"""How the documentation is built: Sphinx, MyST and furo; nothing is fetched, here or by the reader."""

import shutil
import sys
from importlib import metadata
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "_ext"))

project = "autograd_mini"
author = "the autograd_mini authors"
copyright = f"2026, {author}"
release = version = metadata.version("autograd-mini")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "chinese_search",
    "docstrings",
    "live_page",
    "mathml",
    "table_of_primitives",
]
exclude_patterns = ["_build", "_ext"]

# ---- pages -------------------------------------------------------------------------------------------

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# {code-cell} blocks run at every build, and an exception in one fails it.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 60
nb_merge_streams = True
nb_render_markdown_format = "myst"  # tables and links in what a cell prints

# The notebooks come with the outputs of their last run, `make notebooks`; without one they are run here.
notebooks = DOCS.parent / "build" / "notebooks"
if notebooks.exists():
    nb_execution_excludepatterns = ["notebooks/*"]
else:
    notebooks = DOCS.parent / "notebooks"
    nb_execution_timeout = 300
shutil.rmtree(DOCS / "notebooks", ignore_errors=True)
shutil.copytree(notebooks, DOCS / "notebooks", ignore=shutil.ignore_patterns(".*"))

# ---- docstrings --------------------------------------------------------------------------------------

default_role = "py:obj"  # `grad` in a docstring is a link where there is such a name, and code elsewhere
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # Any says less than the sentence below it
autodoc_preserve_defaults = True
add_module_names = False
toc_object_entries = False

# ---- HTML --------------------------------------------------------------------------------------------

html_theme = "furo"
html_title = "autograd_mini"
html_math_renderer = "mathml"  # browsers draw MathML themselves: no script, no network
html_static_path = ["_static"]
html_css_files = ["style.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}
