"""Newer prices from published files, for review in a folder of the user's: the catalog that comes with the advisor is never touched."""
