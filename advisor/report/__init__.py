"""Answers as people and programs read them: thin maps from what was computed, one file a form. Nothing is computed here."""
