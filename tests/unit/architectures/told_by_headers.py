"""What a GGUF header says of an architecture."""

import dataclasses

from advisor.domain.architecture import MoeFfn


def plain_routers(architecture):
    """Without what vLLM alone does to a router: a header of GLM 4.7 Flash is one of DeepSeek's."""
    groups = [
        dataclasses.replace(group, ffn=dataclasses.replace(group.ffn, float32_router=False)) if isinstance(group.ffn, MoeFfn) else group
        for group in architecture.layer_groups
    ]
    return dataclasses.replace(architecture, layer_groups=tuple(groups))
