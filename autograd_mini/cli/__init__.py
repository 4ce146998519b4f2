"""The command line: differentiate an expression, draw it, or check its derivatives."""
