"""What published measurements say about what is near them: `catalog/calibration/near.{csv,yaml}`, and how well that holds.

    python scripts/fit_near            print errors with and without near measurements
    python scripts/fit_near --write    and write both files

Rows of `split = fit` make the table; the believed share and the ranges are from series that are held out in turn; rows of
`split = report` only judge. Run it after the step-time models are fitted: a scale is measured over what they predict.
"""
