"""A draft model served by vLLM with the first one: `--draft-model`, for the cases whose cache is known."""

from advisor.catalog import Catalog
from advisor.domain.architecture import FullCache
from advisor.domain.deployment import Candidate, Draft
from advisor.domain.engine import VllmSettings
from advisor.domain.model import Model
from advisor.errors import UserInputError
from advisor.estimate.weights import checkpoint_weights
from advisor.intake.candidate import find_checkpoint
from advisor.intake.named_model import named_model
from advisor.intake.quantization import find_quantization


def draft_of(candidate: Candidate, name: str, quantization: str | None, catalog: Catalog) -> Draft:
    """The draft model as vLLM loads it beside the candidate's: as many ranks, blocks shared (v1/spec_decode/draft_model.py of 0.32).

    Raises UserInputError, by name, for what vLLM refuses and for caches whose common cut is not known here.
    """
    if not isinstance(candidate.settings, VllmSettings):
        raise UserInputError("draft-model: counted for vLLM only; of llama.cpp's draft model the size of its context is not known here")
    model = named_model(name, catalog)
    _check(candidate, model)
    weights = find_quantization(quantization or candidate.checkpoint.quantization, catalog, catalog.engine("vllm"))
    checkpoint = find_checkpoint(model, weights)
    held = checkpoint_weights(model.architecture, checkpoint, weights, parallelism=candidate.parallelism)
    return Draft(model, weights.id, held)


def _check(candidate: Candidate, draft: Model) -> None:
    served = candidate.model
    if candidate.parallelism.pipeline > 1:
        raise UserInputError("draft-model: with pipeline stages it is not known here which of them hold it")
    if draft.architecture.vocab_size != served.architecture.vocab_size:
        raise UserInputError(
            f"draft-model: {draft.id} has a vocabulary of {draft.architecture.vocab_size:,}, {served.id} one of "
            f"{served.architecture.vocab_size:,}: vLLM refuses unequal ones"
        )
    for model in (served, draft):
        if not all(isinstance(cache, FullCache) for group in model.architecture.layer_groups for cache in group.caches):
            raise UserInputError(
                f"draft-model: {model.id} caches otherwise than in full ({', '.join(model.architecture.kinds)}): how its blocks and the "
                f"other model's are cut together is not known here"
            )
