"""A stand-in for an interpreter that has llama_cpp: answers the probe, and a size_only request with the report it was given.

Called as `llama_cpp_python.py REPORT.json [-c PROBE | VALIDATOR.py]`; what it was asked is written beside the report.
"""

import json
import sys
from pathlib import Path

report, what = Path(sys.argv[1]), sys.argv[2]
if what == "-c":
    told = {"version": "0.3.36", "site_folder": "/nowhere", "system_info": "CPU : AVX2 = 1", "offloads": False}
    print(json.dumps(told))
else:
    request = json.load(sys.stdin)
    with Path(request["model"]).open("rb") as file:
        head = file.read(4).decode()
    report.with_name("asked.json").write_text(json.dumps({**request, "head": head}))
    answer = json.loads(report.read_text())
    print("unknown model architecture: 'strange'" if "error" in answer else "loading", file=sys.stderr)
    print(json.dumps(answer))
    sys.exit(4 if "error" in answer else 0)
