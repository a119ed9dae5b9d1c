"""Adapters of native compilers to one interface, for `serve.py`.

`compile` takes OpenQASM 2, a coupling map as pairs of qubits (both directions are added; null: every pair) on `qubits` qubits, a basis of
gate names as Qiskit spells them, a level 0..3 and seeds, and gives one record per seed:

    {"seed", "twoQubitGates", "oneQubitGates", "depth", "twoQubitDepth", "cpuMs", "wallMs"}

Parsing and counting are not part of the times; a small circuit is compiled first, so that nothing is loaded for the first time. Depths
count measurements (classical bits included) and ignore barriers.
"""

import time


def timed(work):
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return {"cpuMs": 1000 * (time.process_time() - cpu), "wallMs": 1000 * (time.perf_counter() - wall)}, result


class Qiskit:
    """Qiskit's `transpile()` with a target without error rates, which is what its Rust core is measured with too."""

    def __init__(self):
        import qiskit
        from qiskit import QuantumCircuit

        self.version = f"qiskit {qiskit.__version__}"
        warm = QuantumCircuit(3, 1)
        warm.h(0)
        warm.ccx(0, 1, 2)
        warm.measure(0, 0)
        for level in range(4):
            self.run(warm, [[0, 1], [1, 2]], 3, ["cx", "rz", "sx", "x"], level, 0)

    def target(self, coupling, qubits, basis):
        from qiskit.transpiler import CouplingMap, Target

        edges = None if coupling is None else coupling + [[b, a] for a, b in coupling]
        return Target.from_configuration(
            basis_gates=basis + ["measure", "reset", "delay"],
            num_qubits=qubits,
            coupling_map=CouplingMap.from_full(qubits) if edges is None else CouplingMap(edges),
        )

    def run(self, circuit, coupling, qubits, basis, level, seed):
        from qiskit import transpile

        target = self.target(coupling, qubits, basis)
        return timed(
            lambda: transpile(
                circuit, target=target, optimization_level=level, seed_transpiler=seed, approximation_degree=1
            )
        )

    def compile(self, text, coupling, qubits, basis, level, seeds):
        from qiskit import qasm2

        circuit = qasm2.loads(text, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
        names = {instruction.operation.name for instruction in circuit.data}
        own = [name for name in names if name not in STANDARD_GATES]
        for _ in range(16):
            if not own:
                break
            # Gates that the text defines are taken apart, as everybody else's parser does.
            circuit = circuit.decompose(own)
            names = {instruction.operation.name for instruction in circuit.data}
            own = [name for name in names if name not in STANDARD_GATES]
        records = []
        for seed in seeds:
            times, result = self.run(circuit, coupling, qubits, basis, level, seed)
            records.append({"seed": seed, **times, **self.counts(result)})
        return records

    def counts(self, circuit):
        is_gate = lambda item: item.operation.name not in ("barrier", "measure", "reset", "delay")  # noqa: E731
        pairs = [item for item in circuit.data if is_gate(item) and len(item.qubits) == 2]
        singles = [item for item in circuit.data if is_gate(item) and len(item.qubits) == 1]
        return {
            "twoQubitGates": len(pairs),
            "oneQubitGates": len(singles),
            "depth": circuit.depth(),
            "twoQubitDepth": circuit.depth(lambda item: is_gate(item) and len(item.qubits) == 2),
        }


STANDARD_GATES = set(
    "barrier measure reset delay id x y z h s sdg t tdg sx sxdg p u u1 u2 u3 rx ry rz cx cy cz ch cs csdg csx cp cu cu1 cu3 crx "
    "cry crz swap iswap dcx ecr rxx ryy rzz rzx ccx ccz cswap rccx c3x c4x c3sqrtx rcccx mcx global_phase".split()
)


class Tket:
    """tket: `FullPeepholeOptimise`, mapping and clean-up, as its documentation composes them for levels 0 to 2 (3 is taken as 2)."""

    def __init__(self):
        import pytket

        self.version = f"pytket {pytket.__version__}"
        self.compile('OPENQASM 2.0;include "qelib1.inc";qreg q[2];cx q[0],q[1];', [[0, 1]], 2, ["cx", "rz", "sx", "x"], 2, [0])

    def compile(self, text, coupling, qubits, basis, level, seeds):
        from pytket import OpType
        from pytket.architecture import Architecture, FullyConnected
        from pytket.passes import (
            AutoRebase,
            CliffordSimp,
            CXMappingPass,
            DecomposeBoxes,
            FullPeepholeOptimise,
            RemoveRedundancies,
            SequencePass,
            SynthesiseTket,
        )
        from pytket.placement import GraphPlacement
        from pytket.qasm import circuit_from_qasm_str

        if "cx" not in basis:
            raise ValueError("tket is compared for the basis cx, rz, sx, x")
        source = circuit_from_qasm_str(text, maxwidth=4096)
        passes = [DecomposeBoxes()]
        if level == 1:
            passes.append(SynthesiseTket())
        if level >= 2:
            passes.append(FullPeepholeOptimise(allow_swaps=True))
        if coupling is not None:
            machine = Architecture([tuple(edge) for edge in coupling])
            placement = GraphPlacement(machine)
            passes.append(CXMappingPass(machine, placement, directed_cx=False, delay_measures=False))
            if level >= 2:
                passes += [SynthesiseTket(), CliffordSimp(allow_swaps=False)]
            if level >= 1:
                passes.append(SynthesiseTket())
        passes.append(AutoRebase({OpType.CX, OpType.Rz, OpType.SX, OpType.X}))
        passes.append(RemoveRedundancies())
        pipeline = SequencePass(passes)
        records = []
        for seed in seeds[:1]:
            circuit = source.copy()
            times, _ = timed(lambda: pipeline.apply(circuit))
            pairs = circuit.n_2qb_gates()
            records.append(
                {
                    "seed": seed,
                    **times,
                    "twoQubitGates": pairs,
                    "oneQubitGates": circuit.n_1qb_gates() - circuit.n_gates_of_type(OpType.Measure),
                    "depth": circuit.depth(),
                    "twoQubitDepth": circuit.depth_2q(),
                }
            )
        return records


COMPILERS = {"qiskit": Qiskit, "tket": Tket}
