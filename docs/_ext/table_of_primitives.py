"""The table of primitives as a table: each one's formula, derivatives, domain and accuracy.

A derivative is found by running its rule on leaves that carry the names of the operands and of the result;
what the rule records is the formula.
"""

import re
from pathlib import Path

from sphinx.util.docutils import SphinxDirective

from autograd_mini import Value
from autograd_mini.engine.table import REALS, TABLE
from autograd_mini.formulas.formula import formula, latex
from autograd_mini.special.by_scipy import Special

RESULT = "f"

WIDE = 160
"""Characters of LaTeX beyond which a formula does not fit on a telephone."""


class Primitives(SphinxDirective):
    """A table with a line for each primitive."""

    def run(self):
        """Return the table."""
        path = Path(self.env.srcdir) / "data" / "accuracy.txt"
        self.env.note_dependency(str(path))
        errors = measured(path.read_text(encoding="utf-8")) if path.exists() else {}
        head = [
            "| primitive | value and derivatives | tested over | worst error in ULP |",
            "|:--|:--|:--|:--|",
        ]
        rows = (line(op, errors.get(op.name, [])) for op in TABLE.values())
        return self.parse_text_to_nodes("\n".join([*head, *rows]))


class SpecialFunctions(SphinxDirective):
    """A table with a line for each function that states its tolerance."""

    def run(self):
        """Return the table."""
        head = ["| function | what it is | interval | tolerance |", "|:--|:--|:--|--:|"]
        lines = (tolerance(op) for op in TABLE.values() if isinstance(op, Special))
        return self.parse_text_to_nodes("\n".join([*head, *lines]))


class Names(SphinxDirective):
    """The names of all primitives, each a link to its line of the table."""

    def run(self):
        """Return one paragraph."""
        links = (f'<a href="#{name}">{name}</a>' for name in TABLE)
        return self.parse_text_to_nodes(" · ".join(links))


def tolerance(op):
    """Return the line of one function in the table of tolerances.

    >>> tolerance(TABLE["y0"]).split(" | ")[2:]
    ['$x$ in (0, 1000]', '300 |']
    """
    call = f"{op.name}({', '.join(op.operands)})"
    places = [f"${x}$ in {interval(d)}" for x, d in zip(op.operands, op.domain, strict=True)]
    cells = [
        f'<a href="primitives.html#{op.name}"><code>{call}</code></a>',
        op.__doc__,
        "<br>".join(places),
        f"{op.tolerance:g}",
    ]
    return "| " + " | ".join(map(without_bars, cells)) + " |"


def measured(text):
    """Return the worst errors of each primitive, in ULP, from what benchmarks/bench_accuracy.py printed.

    >>> measured("exp         value              0.51     388   [1.5]")
    {'exp': ['value 0.51']}
    """
    errors = {}
    for name, what, ulps in re.findall(r"^(\w+) +(value|∂/∂\S+) +(\d+\.\d+) ", text, re.M):
        errors.setdefault(name, []).append(f"{what.replace('*', '')} {ulps}")
    return errors


def line(op, errors):
    """Return the line of one primitive; `errors` are the worst measured, in words."""
    names = [x.label for x in leaves(op)]
    domains = list(dict.fromkeys(map(interval, op.domain)))
    if len(domains) > 1:
        domains = [f"${x}$ in {d}" for x, d in zip(names, map(interval, op.domain), strict=True)]
    # Recorded as the engine does it: a call would refuse to let some operands vary.
    found = [f"${RESULT} = {latex(Value.record_primitive(op, tuple(leaves(op))))}$"]
    for name, derivative in zip(names, derivatives(op), strict=True):
        found.append(rf"$\partial {RESULT} / \partial {name}$ {derivative}")
    doc = " ".join(op.__doc__.split())
    cells = [f'<a id="{op.name}"></a>**{op.name}**<br>{doc}', "<br>".join(found), ", ".join(domains)]
    return (
        "| "
        + " | ".join(map(without_bars, [*cells, "<br>".join(e.replace(" ", "&nbsp;") for e in errors)]))
        + " |"
    )


def without_bars(cell):
    r"""Return the text of a cell so that no | in it ends the cell.

    >>> print(without_bars(r"log |x| is $\log |x|$"))
    log \|x\| is $\log \vert x\vert $
    """
    parts = re.split(r"(\$[^$]+\$)", cell)
    return "".join(p.replace("|", r"\vert " if p.startswith("$") else r"\|") for p in parts)


def leaves(op):
    """Return a Value for each operand, named as it is, at some point of the domain."""
    names = ["x", "y"] if op.variadic else op.operands
    domains = [op.domain[0], op.domain[0]] if op.variadic else op.domain
    points = zip(names, domains, (0.75, 0.5, 0.25), strict=False)
    return [Value(inside(domain, at), latex_safe(name)) for name, domain, at in points]


def latex_safe(name):
    """Return an operand's name as one that LaTeX takes for one letter, where it can be."""
    return {"condition": "c"}.get(name, name)


def inside(domain, at):
    """Return a number in the domain: `at` itself if it is there."""
    low, high = domain
    if low < at < high:
        return at
    return low + at if high >= REALS[1] else low + at * (high - low)


def derivatives(op):
    """Yield each partial as Markdown."""
    operands = leaves(op)
    result = Value(op.value(*[x.data for x in operands]), RESULT)
    found = op.partials_at(result, operands, [True] * len(operands))
    for i, derivative in enumerate(found):
        if op.operands[min(i, len(op.operands) - 1)] in getattr(op, "constants", ()):
            yield "has no closed form: an error says so"
        elif derivative is None and not op.variadic and op.partials[i] is None:
            yield "is 0 everywhere: no edge"
        elif derivative is None:
            yield "has no edge here: the branch is not taken"
        elif not isinstance(derivative, Value):
            yield f"$= {derivative:g}$"
        elif latex(derivative).count(r"\begin{cases}") > 1 or len(latex(derivative)) > WIDE:
            # Cases within cases read better as Python; a formula of many lines is shown when asked for.
            text = f"= `{formula(derivative)}`"
            short = len(text) < WIDE / 2
            yield text if short else f"<details><summary>as computed</summary>{text}</details>"
        else:
            yield f"$= {latex(derivative)}$"


def interval(domain):
    """Return the interval as people write it.

    >>> interval((-1.0, 1.0)), interval(REALS), interval((5e-324, REALS[1])), interval((REALS[0], -5e-324))
    ('[−1, 1]', 'all numbers', '(0, ∞)', '(−∞, 0)')
    """
    if domain == REALS:
        return "all numbers"
    low = "(−∞" if domain[0] <= REALS[0] else "(0" if domain[0] == 5e-324 else f"[{domain[0]:g}"
    high = "∞)" if domain[1] >= REALS[1] else "0)" if domain[1] == -5e-324 else f"{domain[1]:g}]"
    return f"{low}, {high}".replace("-", "−")


def setup(app):
    """Register the directives."""
    app.add_directive("primitives", Primitives)
    app.add_directive("names-of-primitives", Names)
    app.add_directive("special-functions", SpecialFunctions)
    return {"parallel_read_safe": True}
