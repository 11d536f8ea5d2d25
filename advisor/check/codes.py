"""Findings that no rule file makes: what `check` sees by comparing files. Everything else is a rule of `rules/`."""

from typing import Final

CLAIM_EDITED: Final = "PLN001"
INPUTS_MOVED: Final = "PLN002"
VERDICT_CHANGED: Final = "PLN003"
CLAIMS_STALE: Final = "PLN004"
NOT_BUILT: Final = "PLN005"
MORE_THAN_ITS_SHARE: Final = "PLN006"
DEVICES_OVERCOMMITTED: Final = "PLN007"
FLAG_REFUSED: Final = "FLG001"
FLAG_UNKNOWN: Final = "FLG002"
FLAG_NOT_ESTIMATED: Final = "FLG003"
SETTING_CHANGED: Final = "DRF001"
REPLICAS_CHANGED: Final = "DRF002"
DEVICES_CHANGED: Final = "DRF003"
ENGINE_CHANGED: Final = "DRF004"
MODEL_CHANGED: Final = "DRF005"
VERSION_UNKNOWN: Final = "VER001"
KEY_WRITTEN: Final = "SEC003"
POOL_DIFFERS: Final = "LIV001"
REQUESTS_WAIT: Final = "LIV002"
LOAD_ABOVE_PLAN: Final = "LIV003"
CACHE_NEARLY_FULL: Final = "LIV004"
PREEMPTED: Final = "LIV005"

EXPLAINED: Final = {
    CLAIM_EDITED: """A derived line of a plan is not what its inputs give.
Everything below `claims:` is computed from the deployments, the workload and the catalog; none of these moved, so the line was edited.
Numbers are compared within 2 % (exact, stated, measured) or 10 % (scaled, modelled). `advisor plan --update` writes the right ones.""",
    INPUTS_MOVED: """The catalog, the advisor or the workload moved since the plan was made.
A note: nothing is wrong. Differences are listed; a requirement that no longer holds is a finding of its own (PLN003).""",
    VERDICT_CHANGED: """A requirement that stood as at least likely in the plan does not any more.
It blocks only when the whole range breaks the limit and the number is exact, measured or stated.""",
    CLAIMS_STALE: """The deployments were edited after the claims were computed.
The claims below are those of other settings. `advisor plan --update` computes them again and leaves the edited half as it is.""",
    NOT_BUILT: """The plan names something that the catalog does not know, or settings with which the engine would refuse to start.""",
    MORE_THAN_ITS_SHARE: """A deployment takes more of a device than its share of it.
`hardware.share` is what each replica may take where several processes use one device. No engine knows of the others: vLLM's
--gpu-memory-utilization is a share of the whole device, llama.cpp takes what its buffers take.""",
    DEVICES_OVERCOMMITTED: """The plan's deployments together need more devices than there are.
Counted are replicas x devices x share, over all deployments on the same machines.""",
    FLAG_REFUSED: """The engine refuses this flag, its value, or the combination with another: the server would not start.""",
    FLAG_UNKNOWN: """The flag is not known for this engine and version.
Both engines stop at unknown flags, so it is misspelt, or newer than what the catalog knows.""",
    FLAG_NOT_ESTIMATED: """The flag moves memory or speed in a way that the estimate does not follow; the numbers are those without it.""",
    SETTING_CHANGED: """A setting that decides capacity differs from the plan, also one that is missing and whose default differs.""",
    REPLICAS_CHANGED: """The number of replicas differs from the plan; what it does to the service level is judged by the rules.""",
    DEVICES_CHANGED: """The number of devices of a replica differs from the plan.""",
    ENGINE_CHANGED: """Another engine or runtime than the plan's is started.""",
    MODEL_CHANGED: """The path or id that is served is none of the planned model's.""",
    VERSION_UNKNOWN: """The image's engine version lies outside of what the catalog knows; flags were not checked.""",
    POOL_DIFFERS: """The running server's KV pool is not the planned one.
It blocks when the pool holds fewer tokens than the workload needs; it warns when it is smaller than the predicted range, and a larger
one is a note.""",
    REQUESTS_WAIT: """Requests wait in the running server's queue.
At the moment of looking it had no room for them: more replicas, a larger pool, or a smaller load.""",
    LOAD_ABOVE_PLAN: """The running server is asked for more than the workload says: more requests at once, or longer ones.""",
    CACHE_NEARLY_FULL: """The running server's KV pool is at least 95 % full.""",
    PREEMPTED: """The running server has pushed requests out of its KV pool and computed them again: it was too small for what came.""",
    KEY_WRITTEN: """A key is written out in a file. Name a Secret, an environment file or an environment variable instead.""",
}
"""Each code's title, and after a line break what it means."""
