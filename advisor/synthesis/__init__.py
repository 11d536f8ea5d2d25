"""Writers of synthetic model files: real shapes, types and sizes, random weights; for proving memory and speed, never answers."""
