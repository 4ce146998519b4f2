"""The live page in the documents: written beside them by every build, and shown in a frame."""

from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from autograd_mini import explore

NAME = "live.html"


class LivePage(SphinxDirective):
    """A frame that shows the live page, and a link to it alone, where the address holds its state."""

    def run(self):
        """Return the frame and the link."""
        up = "../" * self.env.docname.count("/")
        frame = (
            f'<iframe class="live-page" src="{up}{NAME}" title="The live page" loading="lazy"></iframe>'
            f'<p><a href="{up}{NAME}">The page alone</a> · <a href="{up}{NAME}#l=zh">中文</a></p>'
        )
        return [nodes.raw("", frame, format="html")]


def write(app, error):
    """Write the page beside the documents."""
    if error is None and app.builder.format == "html":
        explore().save(Path(app.outdir) / NAME)


def setup(app):
    """Register with Sphinx."""
    app.add_directive("live-page", LivePage)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True}
