"""Codecs of the files people keep: read with positions, written without losing what a person wrote."""
