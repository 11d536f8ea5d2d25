"""A stand-in validator that prints what the request tells it to."""

import json
import sys

print("progress", file=sys.stderr)
print("chatter")
request = json.load(sys.stdin)
if request["say"]:
    print(request["say"])
sys.exit(request.get("status", 0))
