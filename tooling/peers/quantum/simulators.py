"""Adapters of native simulators to one interface, for `serve.py`.

A circuit comes as plain data: {"qubitCount": n, "gates": [[name, [qubits], [angles]], ...]} with qubit 0 as the least significant bit;
"unitary" carries its matrix, row-major and interleaved (re, im), in place of angles, bit 0 of an index belonging to its first qubit.
Every simulator is asked for the whole state.
"""

import math
import time
import types
from importlib.metadata import version

import numpy as np


def rotation_matrix(theta, phi, lam):
    """OpenQASM's u(theta, phi, lambda)."""
    c, s = math.cos(theta / 2), math.sin(theta / 2)
    return np.array([[c, -np.exp(1j * lam) * s], [np.exp(1j * phi) * s, np.exp(1j * (phi + lam)) * c]])


def unitary_matrix(numbers):
    pairs = np.asarray(numbers, dtype=np.float64).view(np.complex128)
    size = math.isqrt(pairs.size)
    return pairs.reshape(size, size)


def timed(work):
    begin = time.perf_counter()
    result = work()
    return time.perf_counter() - begin, result


class Qsim:
    """qsimcirq: float32. Options: fusion (largest number of qubits of a fused gate), variant (avx512 or avx2)."""

    def __init__(self, threads, variant=None):
        if variant is not None:
            # The module that chooses the instruction set when qsimcirq is imported.
            choice = types.ModuleType("qsimcirq.qsim_decide")
            choice.detect_instructions = lambda: {"avx512": 0, "avx2": 1, "sse": 2}[variant]
            choice.detect_gpu = lambda: 10
            choice.detect_custatevec = lambda: 0
            import sys

            sys.modules["qsimcirq.qsim_decide"] = choice
        import cirq
        import qsimcirq

        self.cirq, self.qsimcirq, self.threads = cirq, qsimcirq, threads
        self.version = f"qsimcirq {qsimcirq.__version__} ({qsimcirq.qsim.__name__.rpartition('.')[2]})"

    def gate(self, name, qubits, angles):
        cirq = self.cirq
        if name == "unitary":
            # Cirq's first qubit is the most significant one.
            return cirq.MatrixGate(unitary_matrix(angles)).on(*reversed(qubits))
        make = {
            "h": lambda: cirq.H,
            "x": lambda: cirq.X,
            "cx": lambda: cirq.CNOT,
            "cz": lambda: cirq.CZ,
            "swap": lambda: cirq.SWAP,
            "u": lambda: cirq.MatrixGate(rotation_matrix(*angles)),
            "rx": lambda: cirq.rx(*angles),
            "ry": lambda: cirq.ry(*angles),
            "rz": lambda: cirq.rz(*angles),
            "p": lambda: cirq.ZPowGate(exponent=angles[0] / math.pi),
            "cp": lambda: cirq.CZPowGate(exponent=angles[0] / math.pi),
            "rzz": lambda: cirq.ZZPowGate(exponent=angles[0] / math.pi, global_shift=-0.5),
        }[name]
        return make().on(*qubits)

    def prepare(self, circuit):
        count = circuit["qubitCount"]
        line = self.cirq.LineQubit.range(count)
        wires = [line[count - 1 - q] for q in range(count)]
        gates = [self.gate(name, [wires[q] for q in qubits], angles) for name, qubits, angles in circuit["gates"]]
        self.circuit, self.order = self.cirq.Circuit(gates), line
        self.translated, _ = self.qsimcirq.QSimCircuit(self.circuit).translate_cirq_to_qsim(line)

    def run(self, fusion):
        options = self.qsimcirq.QSimOptions(max_fused_gate_size=fusion, cpu_threads=self.threads).as_dict()
        options.update(c=self.translated, s=1)
        seconds, self.state = timed(lambda: self.qsimcirq.qsim.qsim_simulate_fullstate(options, 0))
        return seconds

    def run_fixed(self):
        """What a call costs apart from the circuit: memory taken, cleared and given back, for as many qubits."""
        line = self.order
        one = self.qsimcirq.QSimCircuit(self.cirq.Circuit([self.cirq.X(line[-1])]))
        options = self.qsimcirq.QSimOptions(max_fused_gate_size=2, cpu_threads=self.threads).as_dict()
        translated, _ = one.translate_cirq_to_qsim(line)
        options.update(c=translated, s=1)
        return timed(lambda: self.qsimcirq.qsim.qsim_simulate_fullstate(options, 0))[0]

    def run_interface(self, fusion):
        """What a user of the Python interface waits for: translation included."""
        options = self.qsimcirq.QSimOptions(max_fused_gate_size=fusion, cpu_threads=self.threads)
        simulator = self.qsimcirq.QSimSimulator(options, circuit_memoization_size=0)
        seconds, _ = timed(lambda: simulator.simulate_into_1d_array(self.circuit, qubit_order=self.order))
        return seconds

    def run_text(self, text, fusion):
        """From OpenQASM 2 text to the state: Cirq's parser, then the Python interface."""
        from cirq.contrib.qasm_import import circuit_from_qasm

        def work():
            circuit = circuit_from_qasm(text)
            options = self.qsimcirq.QSimOptions(max_fused_gate_size=fusion, cpu_threads=self.threads)
            return self.qsimcirq.QSimSimulator(options).simulate_into_1d_array(circuit)

        return timed(work)[0]

    def amplitudes(self, indices):
        pairs = np.asarray(self.state, dtype=np.float32)
        return [[float(pairs[2 * i]), float(pairs[2 * i + 1])] for i in indices]


class Qulacs:
    """Qulacs: float64. Options: fusion (block size of its optimiser; 0: none)."""

    def __init__(self, threads):
        import qulacs

        self.qulacs = qulacs
        self.version = f"qulacs {qulacs.__version__}"
        # Threads come from OMP_NUM_THREADS, which serve.py sets.

    def gate(self, name, qubits, angles):
        q = self.qulacs.gate
        if name == "unitary":
            return q.DenseMatrix(list(qubits), unitary_matrix(angles))
        if name == "cp":
            # Matrix on the target, controlled.
            gate = q.DenseMatrix(qubits[1], np.diag([1, np.exp(1j * angles[0])]))
            gate.add_control_qubit(qubits[0], 1)
            return gate
        make = {
            "h": lambda: q.H(*qubits),
            "x": lambda: q.X(*qubits),
            "cx": lambda: q.CNOT(*qubits),
            "cz": lambda: q.CZ(*qubits),
            "swap": lambda: q.SWAP(*qubits),
            "u": lambda: q.U3(qubits[0], *angles),
            "p": lambda: q.U1(qubits[0], *angles),
            # Qulacs rotates the other way round.
            "rx": lambda: q.RX(qubits[0], -angles[0]),
            "ry": lambda: q.RY(qubits[0], -angles[0]),
            "rz": lambda: q.RZ(qubits[0], -angles[0]),
            "rzz": lambda: q.PauliRotation(list(qubits), [3, 3], -angles[0]),
        }[name]
        return make()

    def prepare(self, circuit):
        self.count = circuit["qubitCount"]
        self.gates = [self.gate(*gate) for gate in circuit["gates"]]
        self.circuits = {}
        self.state = self.qulacs.QuantumState(self.count)

    def optimized(self, fusion):
        if fusion not in self.circuits:
            circuit = self.qulacs.QuantumCircuit(self.count)
            for gate in self.gates:
                circuit.add_gate(gate)
            if fusion:
                from qulacs.circuit import QuantumCircuitOptimizer

                QuantumCircuitOptimizer().optimize(circuit, fusion)
            self.circuits[fusion] = circuit
        return self.circuits[fusion]

    def run(self, fusion):
        circuit = self.optimized(fusion)

        def work():
            self.state.set_zero_state()
            circuit.update_quantum_state(self.state)

        return timed(work)[0]

    def amplitudes(self, indices):
        vector = [self.state.get_amplitude(i) for i in indices]
        return [[value.real, value.imag] for value in vector]

    def run_batch(self, circuit, parameters):
        """One circuit of u gates and cx with new angles each time, by its parametric circuit where it has one."""
        q = self.qulacs
        state = q.QuantumState(circuit["qubitCount"])
        parametric = q.ParametricQuantumCircuit(circuit["qubitCount"])
        for name, qubits, angles in circuit["gates"]:
            if name in ("rx", "ry", "rz"):
                getattr(parametric, f"add_parametric_{name.upper()}_gate")(qubits[0], 0.0)
            else:
                parametric.add_gate(self.gate(name, qubits, angles))
        total = parametric.get_parameter_count()

        def work():
            for row in parameters:
                for index in range(total):
                    parametric.set_parameter(index, -row[index])
                state.set_zero_state()
                parametric.update_quantum_state(state)

        return timed(work)[0] / len(parameters)


class Aer:
    """Qiskit Aer's state-vector method. Options: precision (float32 or float64). The state is saved and asked for."""

    def __init__(self, threads, precision="float64"):
        import qiskit_aer

        name = {"float32": "single", "float64": "double"}[precision]
        self.threads = threads
        self.simulator = qiskit_aer.AerSimulator(
            method="statevector", precision=name, max_parallel_threads=threads, fusion_enable=True
        )
        self.version = f"qiskit-aer {qiskit_aer.__version__}"

    def build(self, circuit, angle=lambda value: value):
        from qiskit import QuantumCircuit

        built = QuantumCircuit(circuit["qubitCount"])
        for name, qubits, angles in circuit["gates"]:
            if name == "unitary":
                built.unitary(unitary_matrix(angles), qubits)
            else:
                getattr(built, name)(*[angle(value) for value in angles], *qubits)
        return built

    def prepare(self, circuit):
        import qiskit_aer.library  # noqa: F401  (adds save_statevector)

        self.circuit = self.build(circuit)
        self.circuit.save_statevector()

    def run(self):
        seconds, result = timed(lambda: self.simulator.run(self.circuit, shots=1).result())
        if not result.success:
            raise RuntimeError(result.status)
        self.state = np.asarray(result.get_statevector())
        return seconds

    def amplitudes(self, indices):
        return [[float(self.state[i].real), float(self.state[i].imag)] for i in indices]

    def run_batch(self, circuit, parameters):
        """By parameter bindings, Aer's way to run one circuit with many angles."""
        from qiskit.circuit import Parameter

        names = []

        def angle(_):
            names.append(Parameter(f"t{len(names)}"))
            return names[-1]

        built = self.build(circuit, angle)
        built.save_statevector()
        columns = np.asarray(parameters)
        binds = [{name: columns[:, index].tolist() for index, name in enumerate(names)}]
        seconds, result = timed(lambda: self.simulator.run([built], parameter_binds=binds, shots=1).result())
        if not result.success:
            raise RuntimeError(result.status)
        return seconds / len(parameters)


class Lightning:
    """PennyLane's lightning.qubit. Options: precision (float32 or float64)."""

    def __init__(self, threads, precision="float32"):
        import pennylane

        self.pennylane = pennylane
        self.type = {"float32": np.complex64, "float64": np.complex128}[precision]
        self.version = f"pennylane-lightning {version('pennylane_lightning')}"

    def observable(self, terms):
        qml = self.pennylane
        factors = {"X": qml.X, "Y": qml.Y, "Z": qml.Z}
        products = []
        for text, _ in terms:
            paulis = [factors[letter](wire) for wire, letter in enumerate(text) if letter != "I"]
            products.append(qml.prod(*paulis) if len(paulis) > 1 else paulis[0])
        return qml.Hamiltonian([coefficient for _, coefficient in terms], products)

    def tape(self, circuit, observables, parameters=None):
        qml = self.pennylane
        numbers = iter(parameters) if parameters is not None else None
        operations, trainable, position = [], [], 0
        for name, qubits, angles in circuit["gates"]:
            if name in ("rx", "ry", "rz"):
                value = next(numbers) if numbers is not None else angles[0]
                operations.append({"rx": qml.RX, "ry": qml.RY, "rz": qml.RZ}[name](value, wires=qubits[0]))
                trainable.append(position)
                position += 1
            elif name == "u":
                operations.append(qml.U3(*angles, wires=qubits[0]))
                position += 3
            else:
                operations.append({"cx": qml.CNOT, "cz": qml.CZ, "h": qml.Hadamard}[name](wires=qubits))
        tape = qml.tape.QuantumScript(operations, observables)
        tape.trainable_params = trainable
        return tape

    def prepare_gradient(self, circuit, terms):
        from pennylane.devices import ExecutionConfig

        qml = self.pennylane
        self.device = qml.device("lightning.qubit", wires=circuit["qubitCount"], c_dtype=self.type)
        self.script = self.tape(circuit, [qml.expval(self.observable(terms))])
        self.configuration = ExecutionConfig(gradient_method="adjoint")

    def run_gradient(self):
        seconds, (value, gradient) = timed(
            lambda: self.device.execute_and_compute_derivatives(self.script, self.configuration)
        )
        self.gradient = [float(g) for g in np.ravel(gradient)]
        return seconds

    def last_gradient(self):
        return self.gradient

    def run_batch(self, circuit, parameters):
        qml = self.pennylane
        device = qml.device("lightning.qubit", wires=circuit["qubitCount"], c_dtype=self.type)

        def work():
            for row in parameters:
                device.execute(self.tape(circuit, [qml.state()], row))

        return timed(work)[0] / len(parameters)


SIMULATORS = {"qsim": Qsim, "qulacs": Qulacs, "aer": Aer, "lightning": Lightning}
