"""Writes data/qiskit-gates.json: the matrices of Qiskit's gates, entries that are not 0, as [row, column, re, im].

pip install qiskit==2.6.2 && python make-qiskit-gates.py > data/qiskit-gates.json
"""

import json

import numpy
from qiskit.circuit import library
from qiskit.quantum_info import Operator

ANGLES = [0.7, -1.3, 2.1, 0.4]

# Name here, class in Qiskit, number of angles.
GATES = [
    ("id", "I", 0), ("x", "X", 0), ("y", "Y", 0), ("z", "Z", 0), ("h", "H", 0), ("s", "S", 0), ("sdg", "Sdg", 0),
    ("t", "T", 0), ("tdg", "Tdg", 0), ("sx", "SX", 0), ("sxdg", "SXdg", 0), ("p", "Phase", 1), ("u1", "U1", 1),
    ("rx", "RX", 1), ("ry", "RY", 1), ("rz", "RZ", 1), ("r", "R", 2), ("u2", "U2", 2), ("u", "U", 3), ("u3", "U3", 3),
    ("cx", "CX", 0), ("cy", "CY", 0), ("cz", "CZ", 0), ("ch", "CH", 0), ("cs", "CS", 0), ("csdg", "CSdg", 0),
    ("csx", "CSX", 0), ("cp", "CPhase", 1), ("cu1", "CU1", 1), ("crx", "CRX", 1), ("cry", "CRY", 1), ("crz", "CRZ", 1),
    ("cu", "CU", 4), ("cu3", "CU3", 3), ("swap", "Swap", 0), ("iswap", "iSwap", 0), ("dcx", "DCX", 0), ("ecr", "ECR", 0),
    ("rxx", "RXX", 1), ("ryy", "RYY", 1), ("rzz", "RZZ", 1), ("rzx", "RZX", 1), ("xx_plus_yy", "XXPlusYY", 2),
    ("xx_minus_yy", "XXMinusYY", 2), ("ccx", "CCX", 0), ("ccz", "CCZ", 0), ("cswap", "CSwap", 0), ("rccx", "RCCX", 0),
    ("c3x", "C3X", 0), ("c3sx", "C3SX", 0), ("rcccx", "RC3X", 0), ("c4x", "C4X", 0), ("global_phase", "GlobalPhase", 1),
]


def entries(gate):
    matrix = numpy.array(gate) if gate.num_qubits == 0 else Operator(gate).data
    matrix = matrix.reshape(2**gate.num_qubits, -1)
    return [
        [row, column, float(entry.real), float(entry.imag)]
        for row, values in enumerate(matrix)
        for column, entry in enumerate(values)
        if abs(entry) > 1e-16
    ]


table = {name: entries(getattr(library, f"{kind}Gate")(*ANGLES[:count])) for name, kind, count in GATES}
table["mcx on 4"] = entries(library.MCXGate(3))
table["mcp on 4"] = entries(library.MCPhaseGate(ANGLES[0], 3))
print(json.dumps({"angles": ANGLES, "gates": table}, separators=(",", ":")))
