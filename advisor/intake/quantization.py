"""Weight formats by the words that people use: ids and aliases of the catalog, for the engine that is meant."""

from advisor.catalog import Catalog
from advisor.catalog.lookup import plain
from advisor.domain.engine_record import EngineRecord
from advisor.domain.quantization import Quantization
from advisor.errors import UserInputError


def find_quantization(text: str, catalog: Catalog, record: EngineRecord) -> Quantization:
    """The format that `text` means for this engine: `bf16` is a scheme for vLLM and a file type for llama.cpp.

    Raises UserInputError for an unknown word (with near ones) and for a format that the engine cannot load.
    """
    exact = catalog.quantizations.get(text)
    if exact is not None and exact.format in record.formats:
        return exact
    for quantization in catalog.quantizations.values():
        spellings = {plain(name) for name in (quantization.id, *quantization.aliases)}
        if quantization.format in record.formats and plain(text) in spellings:
            return quantization
    found = catalog.quantization(text)
    raise UserInputError(f"quantization {text}: {found.id} is a {found.format} format. {record.format_note}")
