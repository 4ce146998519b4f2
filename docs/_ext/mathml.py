"""Formulas as MathML, by the converter that comes with docutils. Knows HTML only."""

from docutils.utils.math.latex2mathml import tex2mathml


def inline(translator, node):
    """Write a formula within a line."""
    translator.body.append(tex2mathml(node.astext(), as_block=False))
    raise _done()


def block(translator, node):
    """Write a formula on lines of its own; wide ones can be scrolled."""
    translator.body.append(f'<div class="math">{tex2mathml(node.astext(), as_block=True)}</div>')
    raise _done()


def _done():
    from docutils.nodes import SkipNode

    return SkipNode()


def setup(app):
    """Register the renderer with Sphinx."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
