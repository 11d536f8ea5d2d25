"""Files that hold a measurement of a deployment, read as points that scale predictions."""

from advisor.validation.measured.read import read_measured

__all__ = ["read_measured"]
