"""Special functions: more primitives for the one table.

Those that need no other package are in `elementary`, and public where all primitives are: `autograd_mini`.
"""
