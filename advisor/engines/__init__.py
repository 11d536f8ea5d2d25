"""Engines as programs: their settings under their own names, their command lines, finding, starting and watching them."""
