"""Manifests: a deployment as the files that start it, and such files read back. One codec a format, both directions side by side."""
