"""From a workload to a decision: enumerate, configure, assess, rank."""
