"""Fits the constants of the step-time models to published measurements of the `fit` side, and states the errors on cases not seen.

What both engines share: constants as logarithms with priors, weights by series and source, folds, bootstrap, error bands.
"""
