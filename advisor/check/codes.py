"""Findings that no rule file makes: what `check` sees by comparing files. Everything else is a rule of `rules/`."""

from typing import Final

CLAIM_EDITED: Final = "PLN001"
INPUTS_MOVED: Final = "PLN002"
VERDICT_CHANGED: Final = "PLN003"
CLAIMS_STALE: Final = "PLN004"
NOT_BUILT: Final = "PLN005"
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

TITLES: Final = {
    CLAIM_EDITED: "A derived line of a plan is not what its inputs give",
    INPUTS_MOVED: "The catalog, the advisor or the workload moved since the plan was made",
    VERDICT_CHANGED: "A requirement no longer stands as the plan says",
    CLAIMS_STALE: "The deployments were edited after the claims were computed",
    NOT_BUILT: "The engine would refuse the deployment",
    FLAG_REFUSED: "The engine refuses this flag or its value",
    FLAG_UNKNOWN: "A flag that is not known for this engine and version",
    FLAG_NOT_ESTIMATED: "A flag whose effect on memory or speed is not estimated",
    SETTING_CHANGED: "A setting differs from the plan",
    REPLICAS_CHANGED: "The number of replicas differs from the plan",
    DEVICES_CHANGED: "The number of devices differs from the plan",
    ENGINE_CHANGED: "The engine differs from the plan",
    MODEL_CHANGED: "The model differs from the plan",
    VERSION_UNKNOWN: "An engine version outside of what is known",
    KEY_WRITTEN: "A key is written out in a file",
}
