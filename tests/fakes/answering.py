"""A stand-in validator that prints what the request tells it to."""

import json
import sys

print("progress", file=sys.stderr)
print("chatter")
if said := json.load(sys.stdin)["say"]:
    print(said)
