"""`plan` run backwards: plans and manifests read, recomputed and judged; every finding at the line that caused it."""
