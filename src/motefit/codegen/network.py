"""The network in C: constants, one block of memory, and a function that calls the kernels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from motefit.codegen.constants import Constants, Name
from motefit.codegen.lowering import Call, Lowering, lower
from motefit.codegen.memory_plan import Buffer, MemoryPlan, plan_memory
from motefit.graph.graph import INPUT, Graph

SCRATCH = "scratch of call "
WORK = "work of the front end"
UNITS = {"bytes": 1, "halves": 2, "words": 4, "reals": 4}
"""Members of the block of memory, and bytes of their elements."""
TYPES = {
    "bytes": "int8_t",
    "halves": "int16_t",
    "words": "uint32_t",
    "reals": "float",
}
SCRATCH_AS = {"mf_conv2d": "words", "mf_depthwise": "halves", "mf_lstm": "halves"}
"""Member that a kernel uses for itself."""


@dataclass(frozen=True, kw_only=True)
class NetworkSource:
    """A network in C.

    Attributes:
        graph: the network.
        constants: definitions of its tables and records; those of the pipeline are added to them.
        calls: of the kernels, in order.
        plan: where activations and work memory are.
        buffers: name of the buffer of each activation: its own, or one that it overwrites.
        operands: tables of constants that kernels read like activations, by name.
    """

    graph: Graph
    constants: Constants
    calls: tuple[Call, ...]
    plan: MemoryPlan
    buffers: Mapping[str, str]
    operands: Mapping[str, Name]

    def is_int8(self, name: str) -> bool:
        """Return whether an activation holds int8, not float32."""
        return name in self.graph.quantization

    def place(self, name: str) -> Name:
        """Write the address of an activation, or of a constant in its place."""
        if name in self.operands:
            return self.operands[name]
        return self._address(self.buffers[name], "bytes" if self.is_int8(name) else "reals")

    def work(self) -> Name:
        """Write the address of the front end's work memory."""
        return self._address(WORK, "reals")

    def _address(self, buffer: str, member: str) -> Name:
        return Name(f"memory.{member} + {self.plan.offsets[buffer] // UNITS[member]}")

    def block(self) -> str:
        """Write the definition of the memory."""
        size = self.plan.size
        members = (f"    {TYPES[m]} {m}[{size // width}];\n" for m, width in UNITS.items())
        return f"static union {{\n{''.join(members)}    int64_t alignment;\n}} memory;\n"

    def function(self) -> str:
        """Write the function that runs the network."""
        lines = [f"    {self._call(i, call)};" for i, call in enumerate(self.calls)]
        return "static void network(void)\n{\n" + "\n".join(lines) + "\n}\n"

    def _call(self, index: int, call: Call) -> str:
        arguments = [str(call.record), *(self.place(name) for name in call.reads)]
        if call.scratch is not None:
            arguments.append(self._address(f"{SCRATCH}{index}", SCRATCH_AS[call.kernel]))
        return f"{call.kernel}({', '.join([*arguments, self.place(call.writes)])})"


class NetworkWriter(Protocol):
    """Function that writes a network: :func:`write_network`, or calls of an interpreter."""

    def __call__(self, graph: Graph, *, work_bytes: int = 0) -> NetworkSource:
        """Write a network beside ``work_bytes`` of the front end."""


def write_network(graph: Graph, *, work_bytes: int = 0) -> NetworkSource:
    """Lower a network and plan its memory.

    Args:
        graph: int8, or dense layers in float32.
        work_bytes: memory of the front end, which fills the input and is finished before the first
            layer.

    Raises:
        ModelFileError: for an operation or a form without a kernel.
    """
    constants = Constants()
    state, calls = lower(graph, constants)
    buffers = _share(calls, state)
    sized = _buffers(calls, state, buffers)
    if work_bytes:
        sized.append(Buffer(name=WORK, size=work_bytes, first=0, last=0))
    return NetworkSource(
        graph=graph,
        constants=constants,
        calls=calls,
        plan=plan_memory(sized),
        buffers=buffers,
        operands=state.operands,
    )


def _share(calls: Sequence[Call], state: Lowering) -> Mapping[str, str]:
    """Choose the buffer of each activation: an operand's where a call may overwrite one.

    That is so if no later call reads it, and it has as many bytes as the output, or more where the
    call allows it. The input never takes part, so that a caller may look at it again.
    """
    names = state.views
    buffers: dict[str, str] = {INPUT: INPUT}
    last = _last_reads(calls, names, state.graph.output)
    for index, call in enumerate(calls):
        base = names.get(call.writes, call.writes)
        if base in buffers:
            continue
        free = (
            name
            for name in (names.get(name, name) for name in call.in_place)
            if last[name] == index
            and name != INPUT
            and 0 <= state.bytes_of(name) - state.bytes_of(base) <= call.spares
        )
        found = next(free, None)
        buffers[base] = base if found is None else buffers[found]
    return {**buffers, **{view: buffers[base] for view, base in names.items()}}


def _last_reads(calls: Sequence[Call], names: Mapping[str, str], output: str) -> Mapping[str, int]:
    last: dict[str, int] = {}
    for index, call in enumerate(calls):
        last |= dict.fromkeys((names.get(name, name) for name in call.reads), index)
    last[names.get(output, output)] = len(calls)
    return last


def _buffers(calls: Sequence[Call], state: Lowering, shared: Mapping[str, str]) -> list[Buffer]:
    """List buffers with their lifetimes: step 0 fills the input, step i + 1 is call i."""
    first, last, size = {INPUT: 0}, {INPUT: 0}, {INPUT: state.bytes_of(INPUT)}
    scratch, shrinks = [], dict[str, tuple[tuple[int, int], ...]]()
    for step, call in enumerate(calls, 1):
        for name in (n for n in (*call.reads, call.writes) if n not in state.operands):
            buffer = shared[name]
            first.setdefault(buffer, step)
            last[buffer] = step
            size[buffer] = max(size.get(buffer, 0), state.bytes_of(name))
        if first[shared[call.writes]] < step:
            written = (step + 1, state.bytes_of(call.writes))
            shrinks[shared[call.writes]] = (*shrinks.get(shared[call.writes], ()), written)
        if call.scratch:
            name = f"{SCRATCH}{step - 1}"
            scratch.append(Buffer(name=name, size=call.scratch, first=step, last=step))
    last[shared[state.graph.output]] = len(calls) + 1
    kept = [
        Buffer(name=n, size=size[n], first=first[n], last=last[n], shrinks=shrinks.get(n, ()))
        for n in first
    ]
    return [*kept, *scratch]
