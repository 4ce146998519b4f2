"""Formulas: read from text, written out, differentiated and simplified."""
