"""From how many requests at once one engine overtakes the other, with the same dimensions on this machine: measured, and as predicted."""
