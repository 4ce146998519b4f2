"""Ledgers, trees and pictures that show people what a graph computed and what its gradients are made of."""

from autograd_mini.show.draw import draw
from autograd_mini.show.ledger import ledger
from autograd_mini.show.paths import paths, visits
from autograd_mini.show.render import Picture, RenderError
from autograd_mini.show.scopes import scope
from autograd_mini.show.tree import tree

__all__ = ["Picture", "RenderError", "draw", "ledger", "paths", "scope", "tree", "visits"]
