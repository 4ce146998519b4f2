"""The live page: a graph in one HTML file that computes by itself and can be touched."""

from autograd_mini.page.explore import Page, explore

__all__ = ["Page", "explore"]
