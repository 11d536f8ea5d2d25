"""Loads the model as planned on the engine itself, and holds what it showed against the plan: does it hold, and was it predicted right."""
