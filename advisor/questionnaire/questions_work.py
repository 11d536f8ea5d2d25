"""The questions about the work: task, models, quality, load, lengths."""

import re
from typing import Final, get_args

from advisor.domain.workload import LossBand, Task
from advisor.questionnaire.load_answers import parse_lengths, parse_load, parse_pause, preset_lengths
from advisor.questionnaire.parsing import choice
from advisor.questionnaire.question import Question, Situation, Understood

_TASKS: Final = get_args(Task)
_BANDS: Final = get_args(LossBand)
_ANY_MODEL: Final = frozenset({"any", "none", "none yet", "all"})
_GUESSED_PEOPLE: Final = "10"


def _task(text: str, situation: Situation) -> Understood:
    task = choice(text, _TASKS)
    return Understood({"task": task}, said=f"{situation.catalog.preset(task).name}: its usual figures are the defaults from here on.")


def _task_names(situation: Situation) -> tuple[str, ...]:
    return tuple(f"{task}: {situation.catalog.preset(task).name}" for task in _TASKS)


def _models(text: str, situation: Situation) -> Understood:
    if text.strip().casefold() in _ANY_MODEL:
        said = f"All {len(situation.catalog.models)} models of the catalog, largest first; size is no measure of quality on your task."
        return Understood({"models": "any"}, said=said)
    names = [name for name in re.split(r"\s*[,;]\s*|\s+", text.strip()) if name]
    ids = list(dict.fromkeys(situation.catalog.model(name).id for name in names))
    return Understood({"models": ids}, said=f"In this order: {', '.join(ids)}.")


def _model_names(situation: Situation) -> tuple[str, ...]:
    return ("In the catalog: " + ", ".join(sorted(situation.catalog.models)) + ".",)


def _quality(text: str, _: Situation) -> Understood:
    return Understood({"quality.quantization_loss": choice(text, _BANDS)})


TASK: Final = Question(
    key="task",
    step="task",
    text="What is it for?",
    choices=_TASKS,
    why="It supplies the defaults of the questions that follow: usual lengths, pauses, speeds. It never chooses a model.",
    parse=_task,
    default=lambda _: "chat",
    unknown=lambda _: "chat",
    known=_task_names,
)
MODELS: Final = Question(
    key="models",
    step="models",
    text="Which models do its users accept, best first?",
    examples="ids or names, joined by commas, or any",
    why=(
        "I do not rank models by quality: there is no evidence in the catalog to do it with. Your order decides between options that "
        "serve equally well; any tries every model of the catalog."
    ),
    parse=_models,
    default=lambda _: "any",
    unknown=lambda _: "any",
    known=_model_names,
)
QUALITY: Final = Question(
    key="quality",
    step="quality",
    text="How much may compression cost in answer quality? slight is <= 1 %, some is <= 3 %",
    choices=_BANDS,
    why=(
        "Smaller weights are faster and cheaper, and answer a little worse. The loss is that of the weights format against 16 bits, "
        "measured on other models where yours was not measured; `advisor catalog show` names the measurements."
    ),
    parse=_quality,
    from_preset=True,
    default=lambda situation: situation.preset.quantization_loss,
    unknown=lambda situation: situation.preset.quantization_loss,
)
LOAD: Final = Question(
    key="load",
    step="load",
    text="The busiest quarter of an hour: how many people have it open at once (not accounts)?",
    examples="240 - or 3/s - or 16 in flight - or a pile with a deadline: 10000 in 8 h",
    why=(
        "The peak decides the size; a plan is no better than this number. A rough count beats none: people on shift, a log's busiest "
        "minute. u takes 10 people and marks them as a guess."
    ),
    parse=parse_load,
    default=lambda situation: "1" if situation.place == "this_device" else None,
    unknown=lambda situation: "1" if situation.place == "this_device" else _GUESSED_PEOPLE,
)
PAUSE: Final = Question(
    key="pause",
    step="load",
    text="How long between reading an answer and the next request?",
    examples="120 s - 2 min",
    why="People who read, think and type send nothing. Half the pause is nearly twice the load.",
    parse=parse_pause,
    default=lambda situation: f"{situation.preset.pause_s:g} s",
    unknown=lambda situation: f"{situation.preset.pause_s:g} s",
    applies=lambda situation: situation.has("load.users"),
    from_preset=True,
    fact=True,
)
INPUT_TOKENS: Final = Question(
    key="input_tokens",
    step="lengths",
    text="How long is what is sent, in tokens: median/p95/longest, instructions and documents and history included?",
    examples="4000/9000/15000 - 4000 - or a log with token counts, requests.jsonl (input_tokens and output_tokens on each line)",
    why=(
        "The longest decides the context and its memory, the median how many requests fit at once, p95 the wait for the first token. "
        "A page of English is about 500 tokens. Of a log only the counts are read."
    ),
    parse=lambda text, situation: parse_lengths("input_tokens", text, situation),
    default=lambda situation: preset_lengths("input_tokens", situation),
    unknown=lambda situation: preset_lengths("input_tokens", situation),
    from_preset=True,
    fact=True,
)
OUTPUT_TOKENS: Final = Question(
    key="output_tokens",
    step="lengths",
    text="How long is what is generated, hidden reasoning included?",
    examples="500/900/1200 - 500",
    why="Each generated token costs one pass over the weights: this decides how long an answer takes and how many run at once.",
    parse=lambda text, situation: parse_lengths("output_tokens", text, situation),
    default=lambda situation: preset_lengths("output_tokens", situation),
    unknown=lambda situation: preset_lengths("output_tokens", situation),
    applies=lambda situation: not situation.has("request.output_tokens"),
    from_preset=True,
    fact=True,
)
