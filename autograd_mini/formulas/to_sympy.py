"""A graph as an expression of SymPy, from the `reference` of each primitive."""

from __future__ import annotations

import ast
import math
from typing import Any

from autograd_mini.engine.table import Primitive
from autograd_mini.engine.value import Value
from autograd_mini.formulas.derivative import Formula
from autograd_mini.show.names import evaluation_order, names

__all__ = ["to_sympy"]


def to_sympy(root: Value | Formula) -> Any:
    """Return the expression that computes `root` for SymPy, with a real symbol for each leaf.

    A primitive becomes its `reference` in SymPy's terms, or else an undefined function of the same
    name. Needs SymPy: ``pip install "autograd-mini[sympy]"``.

    >>> x = Value(3.0, label="x")
    >>> to_sympy(x.sin() ** 2 + x * 1.0)  # doctest: +SKIP
    x + sin(x)**2
    """
    try:
        import sympy
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            'to_sympy: SymPy is not installed; pip install "autograd-mini[sympy]"'
        ) from None
    graph = root.graph if isinstance(root, Formula) else root
    if isinstance(graph, float):
        return _sympy_number(sympy, graph)
    if not isinstance(graph, Value):
        raise TypeError(f"to_sympy(root): expected a Value, got {type(graph).__name__}")
    called = root.names if isinstance(root, Formula) else names(graph)
    terms: dict[Value, Any] = {}
    for node in evaluation_order(graph):
        if node.op is None:
            terms[node] = sympy.Symbol(called[node], real=True)
        else:
            operands = [
                terms[x] if isinstance(x, Value) else _sympy_number(sympy, x) for x in node.operands
            ]
            terms[node] = _sympy_term(sympy, node.op, operands)
    return terms[graph]


def _sympy_number(sympy: Any, x: float) -> Any:
    if not math.isfinite(x):
        return sympy.nan if x != x else sympy.oo if x > 0 else -sympy.oo
    return sympy.Integer(int(x)) if x.is_integer() and abs(x) < 2**53 else sympy.Float(x)


def _sympy_term(sympy: Any, op: Primitive, operands: list[Any]) -> Any:
    """Evaluate a primitive's reference, Python in mpmath's names, with what SymPy has by these names."""
    names = [name.lstrip("*") for name in op.operands]
    given = {names[0]: operands} if op.variadic else dict(zip(names, operands, strict=True))
    try:
        term = _Choices().visit(ast.parse(op.reference, mode="eval"))
        words = {word.id for word in ast.walk(term) if isinstance(word, ast.Name)}
        known = {word: _vocabulary(sympy, word) for word in words - given.keys()}
        known = {word: meaning for word, meaning in known.items() if meaning is not None}
        return eval(compile(ast.fix_missing_locations(term), op.name, "eval"), known | given)
    except (NameError, SyntaxError, TypeError):
        return sympy.Function(op.name)(*operands)


class _Choices(ast.NodeTransformer):
    """Makes calls of what Python would decide at once: `x if c else y`, and ``==``."""

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        self.generic_visit(node)
        return ast.Call(ast.Name("_choice", ast.Load()), [node.test, node.body, node.orelse], [])

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.ops[0], ast.Eq) and len(node.ops) == 1:
            return ast.Call(ast.Name("Eq", ast.Load()), [node.left, *node.comparators], [])
        return node


def _vocabulary(sympy: Any, word: str) -> Any:
    """Return what a word of a reference means to SymPy; None if nothing."""

    def choice(condition: Any, x: Any, y: Any) -> Any:
        if isinstance(condition, sympy.Expr):  # a number, which is true where it is not 0
            condition = sympy.Ne(condition, 0)
        return sympy.Piecewise((x, condition), (y, True))

    own: dict[str, Any] = {
        "_choice": choice,
        "fabs": sympy.Abs,
        "max": lambda *x: sympy.Max(*(x[0] if len(x) == 1 else x)),
        "min": lambda *x: sympy.Min(*(x[0] if len(x) == 1 else x)),
        "fsum": lambda terms: sympy.Add(*terms),
        "ceil": sympy.ceiling,
        "expm1": lambda x: sympy.exp(x) - 1,
        "log1p": lambda x: sympy.log(1 + x),
        "inf": sympy.oo,
        "erfcinv": lambda x: sympy.erfinv(1 - x),  # its own cannot be evaluated
        "ei": sympy.Ei,
        "e1": lambda x: sympy.expint(1, x),
        "ellipk": sympy.elliptic_k,
        "ellipe": sympy.elliptic_e,
        "gammainc": lambda a, low, high, _: (
            (sympy.lowergamma(a, high) if low == 0 else sympy.uppergamma(a, low)) / sympy.gamma(a)
        ),
        "betainc": lambda a, b, low, high, _: sympy.betainc_regularized(a, b, low, high),
        "sinpi": lambda x: sympy.sin(sympy.pi * x),
        "cospi": lambda x: sympy.cos(sympy.pi * x),
        "degrees": lambda x: x * 180 / sympy.pi,
        "radians": lambda x: x * sympy.pi / 180,
        "zip": zip,
        "len": len,
    }
    return own.get(word) or getattr(sympy, word, None)
