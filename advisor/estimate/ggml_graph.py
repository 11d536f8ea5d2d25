"""Peak memory of a ggml compute graph, by the engine's own allocator: best fit, reuse in place, release after the last use.

Restates ggml/src/ggml-alloc.c and the visiting order of ggml/src/ggml.c (llama.cpp b11549, commit 0c1e570) for a graph in one buffer.
Weights and caches lie elsewhere: they are not tensors here.
"""

from typing import Final

from advisor.units import round_up

_ALIGNMENT: Final = 32  # TENSOR_ALIGNMENT of the CPU backend
_ENDLESS: Final = 1 << 62


class Tensor:
    """A tensor of the graph. `view_of` is the tensor that owns its memory; `in_place` may take over the memory of a source."""

    __slots__ = ("allocated", "children", "in_place", "kept", "offset", "seen", "shape", "size_bytes", "sources", "view_of", "views")

    def __init__(self, shape: tuple[int, ...], size_bytes: int, sources: tuple["Tensor", ...] = ()) -> None:
        self.shape = shape
        self.size_bytes = round_up(size_bytes, _ALIGNMENT)
        self.sources = sources
        self.view_of: Tensor | None = None
        self.in_place = self.kept = self.seen = self.allocated = False  # kept: the application reads it
        self.children = self.views = self.offset = 0


class Graph:
    """Tensors in the order in which they are computed."""

    def __init__(self) -> None:
        self._leaves: list[Tensor] = []
        self._nodes: list[Tensor] = []

    def expand(self, tensor: Tensor) -> Tensor:
        """Append the tensor after everything that it is made of, sources from left to right (ggml_build_forward_expand)."""
        if not tensor.seen:
            tensor.seen = True
            for source in tensor.sources:
                self.expand(source)
            (self._nodes if tensor.sources or tensor.view_of else self._leaves).append(tensor)
        return tensor

    @property
    def tensors(self) -> int:
        """Operations and inputs."""
        return len(self._leaves) + len(self._nodes)

    def peak_bytes(self) -> int:
        """The size of the buffer that the graph needs (ggml_gallocr_alloc_graph_impl). To be asked once: it uses the graph up."""
        memory = _Memory()
        for leaf in self._leaves:
            memory.take(leaf)
        for node in self._nodes:
            if node.view_of is not None:
                node.view_of.views += 1
            for source in node.sources:
                source.children += 1
        for node in self._nodes:
            memory.take(node)
            for source in node.sources:
                memory.used(source)
        return memory.peak_bytes


class _Memory:
    """Free blocks by address; the last one has no end."""

    def __init__(self) -> None:
        self._blocks: list[list[int]] = [[0, _ENDLESS]]  # offset and size
        self.peak_bytes = 0

    def take(self, tensor: Tensor) -> None:
        """Give the tensor memory: a source's that nobody else needs, or a block of its own."""
        if tensor.allocated or tensor.view_of is not None:
            return
        tensor.allocated = True
        if not (tensor.in_place and self._took_over(tensor)):
            tensor.offset = self._allocate(tensor.size_bytes)

    def used(self, source: Tensor) -> None:
        """One of the source's readers is done; after the last one its memory is free."""
        source.children -= 1
        if source.children or source.views:
            return
        owner = source
        if source.view_of is not None:
            owner = source.view_of
            owner.views -= 1
        if owner.allocated and not owner.kept and not owner.views and not owner.children:
            owner.allocated = False
            self._free(owner.offset, owner.size_bytes)

    @staticmethod
    def _took_over(tensor: Tensor) -> bool:
        """In place of a source of the same shape that has no other reader; the engine never does it through a view."""
        for source in tensor.sources:
            if source.allocated and not source.kept and source.shape == tensor.shape and source.children == 1 and not source.views:
                source.allocated = False
                tensor.offset = source.offset
                return True
        return False

    def _allocate(self, size_bytes: int) -> int:
        """In the smallest block that is large enough, the last of equals; else at the end."""
        blocks = self._blocks
        best = len(blocks) - 1
        best_size = _ENDLESS
        for index in range(len(blocks) - 1):
            if size_bytes <= blocks[index][1] <= best_size:
                best, best_size = index, blocks[index][1]
        block = blocks[best]
        offset = block[0]
        block[0] += size_bytes
        block[1] -= size_bytes
        if not block[1]:
            del blocks[best]
        self.peak_bytes = max(self.peak_bytes, offset + size_bytes)
        return offset

    def _free(self, offset: int, size_bytes: int) -> None:
        """Joined with a neighbour; blocks of no size, which empty tensors leave, keep others apart as in ggml_dyn_tallocr_free_bytes."""
        blocks = self._blocks
        for index, block in enumerate(blocks):
            if block[0] + block[1] == offset:
                block[1] += size_bytes
                self._join(index)
                return
            if offset + size_bytes == block[0]:
                block[0], block[1] = offset, block[1] + size_bytes
                if index:
                    self._join(index - 1)
                return
        at = next((index for index, block in enumerate(blocks) if block[0] >= offset), len(blocks))
        blocks.insert(at, [offset, size_bytes])

    def _join(self, index: int) -> None:
        """The block with the one after it, when they touch."""
        blocks = self._blocks
        if index + 1 < len(blocks) and blocks[index][0] + blocks[index][1] == blocks[index + 1][0]:
            blocks[index][1] += blocks.pop(index + 1)[1]
