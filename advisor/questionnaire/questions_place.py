"""The questions about where: place, kind of data, hardware, regions."""

from typing import Final, get_args

from advisor.domain.workload import Place
from advisor.questionnaire.parsing import choice
from advisor.questionnaire.place_answers import (
    describe_this_machine,
    likely_hardware,
    parse_hardware,
    parse_regions,
    regions,
    usual_hardware,
)
from advisor.questionnaire.question import Question, Situation, Understood

_PLACES: Final = get_args(Place)
_DATA: Final = ("public", "internal", "personal", "patient")


def _place(text: str, _: Situation) -> Understood:
    return Understood({"privacy.stays_on": choice(text, _PLACES)})


def _data(text: str, _: Situation) -> Understood:
    return Understood({"privacy.data": choice(text, _DATA)})


def _needs_regions(situation: Situation) -> bool:
    return situation.place == "region" and situation.has("hardware.rent")


PLACE: Final = Question(
    key="place",
    step="place",
    text="Where may prompts and answers be processed?",
    choices=_PLACES,
    why=(
        "No other answer removes as many options: rented machines need own_cloud_account or wider, hosted APIs need anywhere. "
        "this_device: the machine where the prompts are typed. premises: your own building. own_cloud_account: rented machines in an "
        "account of yours. region: the same, in regions that you name. anywhere: no limit."
    ),
    parse=_place,
    unknown=lambda _: "premises",
)
DATA: Final = Question(
    key="data",
    step="data",
    text="What kind of data is it?",
    choices=_DATA,
    why=(
        "A label. It selects rules: prompts in logs, memory that outlives a request, a prefix cache shared between tenants. "
        "It is not legal advice and proves nothing to a regulator."
    ),
    parse=_data,
    default=lambda _: "internal",
    unknown=lambda _: "personal",
)
HARDWARE: Final = Question(
    key="hardware",
    step="hardware",
    text="Which hardware may be used?",
    examples="4 h100-sxm - 8 l40s in servers of 4 - rent - rent l4 or l40s - buy - this machine; join several with commas",
    why=(
        "Memory and its bandwidth decide what fits and how fast it answers. Name devices as `advisor catalog list devices` does; a name "
        "that means several devices is asked again, because the difference decides the answer (nvidia-smi -L shows which one it is)."
    ),
    parse=parse_hardware,
    default=usual_hardware,
    about_default=lambda situation: describe_this_machine(situation) if usual_hardware(situation) != "rent" else None,
    unknown=likely_hardware,
)
REGIONS: Final = Question(
    key="regions",
    step="hardware",
    text="In which regions may machines be rented?",
    examples="names as the provider writes them, joined by commas",
    why="Your data stays in regions that you name; a machine in another one, or in one that its price does not name, is removed.",
    parse=parse_regions,
    unknown=lambda situation: ", ".join(regions(situation)),
    applies=_needs_regions,
    known=lambda situation: (f"Regions with a price: {', '.join(regions(situation))}.",),
)
