"""Peak memory of a ggml compute graph, by the engine's own allocator: best fit, reuse in place, release after the last use.

Restates ggml/src/ggml-alloc.c and the visiting order of ggml/src/ggml.c (llama.cpp b11549, commit 0c1e570) for a graph in one buffer.
Weights and caches lie elsewhere: they are not tensors here. Sizes and offsets are forms (`growth.py`); every comparison of them leaves
its margin.
"""

from typing import Final

from advisor.estimate.growth import form, shape_margins, size_form
from advisor.units import round_up

_ALIGNMENT: Final = 32  # TENSOR_ALIGNMENT of the CPU backend
_ENDLESS: Final = form(1 << 62)


class Tensor:
    """A tensor of the graph. `view_of` is the tensor that owns its memory; `in_place` may take over the memory of a source."""

    __slots__ = ("allocated", "children", "in_place", "kept", "offset", "seen", "shape", "size", "sources", "view_of", "views")

    def __init__(self, shape: tuple[int, ...], size_bytes: int, sources: tuple["Tensor", ...] = ()) -> None:
        self.shape = shape
        self.size = size_form(shape, round_up(size_bytes, _ALIGNMENT)) if size_bytes else 0
        self.sources = sources
        self.view_of: Tensor | None = None
        self.in_place = self.kept = self.seen = self.allocated = False  # kept: the application reads it
        self.children = self.views = self.offset = 0


class Graph:
    """Tensors in the order in which they are computed."""

    def __init__(self) -> None:
        self._leaves: list[Tensor] = []
        self._nodes: list[Tensor] = []
        self._marks: list[int] = []
        self.margins: set[int] = set()  # of everything that was compared
        self.peak_form = 0
        self.settled = False

    def expand(self, tensor: Tensor) -> Tensor:
        """Append the tensor after everything that it is made of, sources from left to right (ggml_build_forward_expand)."""
        if not tensor.seen:
            tensor.seen = True
            for source in tensor.sources:
                if not source.seen:
                    self.expand(source)
            (self._nodes if tensor.sources or tensor.view_of else self._leaves).append(tensor)
        return tensor

    @property
    def tensors(self) -> int:
        """Operations and inputs."""
        return len(self._leaves) + len(self._nodes)

    def mark(self) -> None:
        """Note this place: after the second one memory is to look as after the first, or the graph is not `settled`."""
        self._marks.append(len(self._nodes))

    def allocate(self) -> None:
        """Find the size of the buffer that the graph needs (ggml_gallocr_alloc_graph_impl). Once: it uses the graph up."""
        memory = _Memory(self.margins)
        for leaf in self._leaves:
            memory.take(leaf)
        self._count_readers()
        done, looks = 0, []
        for until in (*self._marks, len(self._nodes)):
            memory.compute(self._nodes[done:until])
            looks.append((memory.blocks(), [node.offset for node in self._nodes[:until] if node.allocated]))
            done = until
        self.peak_form = max(memory.ends)
        self.margins.update([end - self.peak_form for end in memory.ends])
        self.settled = not self._marks or looks[0] == looks[1]

    def _count_readers(self) -> None:
        for node in self._nodes:
            if node.view_of is not None:
                node.view_of.views += 1
            for source in node.sources:
                source.children += 1


class _Memory:
    """Free blocks by address; the last one has no end."""

    def __init__(self, margins: set[int]) -> None:
        self._blocks: list[list[int]] = [[0, _ENDLESS]]  # offset and size
        self.margins = margins
        self.ends = {0}  # of everything that was allocated

    def blocks(self) -> list[tuple[int, ...]]:
        """Where memory is free."""
        return [tuple(block) for block in self._blocks]

    def compute(self, nodes: list[Tensor]) -> None:
        """One after the other; what has been read for the last time is free."""
        for node in nodes:
            if node.view_of is None and not node.allocated:
                self.take(node)
            for source in node.sources:
                source.children -= 1
                if not source.children and not source.views:
                    self.release(source)

    def take(self, tensor: Tensor) -> None:
        """Give the tensor memory: a source's that nobody else needs, or a block of its own."""
        tensor.allocated = True
        if not (tensor.in_place and self._took_over(tensor)):
            tensor.offset = self._allocate(tensor.size)

    def release(self, source: Tensor) -> None:
        """The source's last reader is done: its memory is free unless somebody else looks at it."""
        owner = source
        if source.view_of is not None:
            owner = source.view_of
            owner.views -= 1
        if owner.allocated and not owner.kept and not owner.views and not owner.children:
            owner.allocated = False
            self._free(owner.offset, owner.size)

    def _took_over(self, tensor: Tensor) -> bool:
        """In place of a source of the same shape that has no other reader; the engine never does it through a view."""
        for source in tensor.sources:
            if source.allocated and not source.kept and source.children == 1 and not source.views and self._alike(source, tensor):
                source.allocated = False
                tensor.offset = source.offset
                return True
        return False

    def _alike(self, one: Tensor, other: Tensor) -> bool:
        if one.shape is other.shape:
            return True
        self.margins.update(shape_margins(one.shape, other.shape))
        return one.shape == other.shape

    def _allocate(self, size: int) -> int:
        """In the smallest block that is large enough, the last of equals; else at the end."""
        blocks, compared = self._blocks, self.margins.add
        best = len(blocks) - 1
        best_size = _ENDLESS
        enough = []
        for index in range(best):
            free = blocks[index][1]
            if size > free:
                compared(free - size)
                continue
            enough.append(free)
            if free <= best_size:
                best, best_size = index, free
        if len(enough) > 1:
            self.margins.update([free - best_size for free in enough])
        block = blocks[best]
        offset = block[0]
        block[0] += size
        block[1] -= size
        compared(block[1])
        if not block[1]:
            del blocks[best]
        self.ends.add(offset + size)
        return offset

    def _free(self, offset: int, size: int) -> None:
        """Joined with a neighbour; blocks of no size, which empty tensors leave, keep others apart as in ggml_dyn_tallocr_free_bytes.

        No margins: what lies between two blocks keeps its size, so they touch at every context or at none.
        """
        blocks, end = self._blocks, offset + size
        for index, block in enumerate(blocks):
            if block[0] + block[1] == offset:
                block[1] += size
                self._join(index)
                return
            if end == block[0]:
                block[0], block[1] = offset, block[1] + size
                if index:
                    self._join(index - 1)
                return
        at = next((index for index, block in enumerate(blocks) if block[0] >= offset), len(blocks))
        blocks.insert(at, [offset, size])

    def _join(self, index: int) -> None:
        """The block with the one after it, when they touch."""
        blocks = self._blocks
        if index + 1 < len(blocks) and blocks[index][0] + blocks[index][1] == blocks[index + 1][0]:
            blocks[index][1] += blocks.pop(index + 1)[1]
