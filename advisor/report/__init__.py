"""Thin maps from answers to text and JSON; nothing is computed here."""
