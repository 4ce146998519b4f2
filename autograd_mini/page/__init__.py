"""The animated page."""
