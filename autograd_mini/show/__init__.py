"""Ledgers, trees and pictures of a graph, for people."""
