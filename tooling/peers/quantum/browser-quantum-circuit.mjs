// A worker of the browser benchmark: quantum-circuit, which keeps amplitudes as objects of two numbers (double precision).
import QuantumCircuit from 'quantum-circuit/dist/quantum-circuit.min.js';

const NAMES = { u: 'u3', cp: 'cu1' };
const PARAMETERS = { u: ['theta', 'phi', 'lambda'], cp: ['lambda'], ry: ['theta'] };

let circuit = null;

const CALLS = {
  open: () => ({}),
  /** Puts the gates into a circuit, which is not timed. */
  prepare({ circuit: { qubitCount, gates } }) {
    circuit = new QuantumCircuit(qubitCount);
    for (const [name, qubits, angles] of gates) {
      const params = Object.fromEntries(angles.map((angle, i) => [PARAMETERS[name][i], angle]));
      circuit.addGate(NAMES[name] ?? name, -1, qubits, { params });
    }
  },
  time() {
    const start = performance.now();
    circuit.run();
    return (performance.now() - start) / 1000;
  },
  amplitudes() {
    const state = new Array(2 * 2 ** circuit.numQubits).fill(0);
    for (const [index, { re, im }] of Object.entries(circuit.state)) {
      [state[2 * index], state[2 * index + 1]] = [re, im];
    }
    return state;
  },
};

globalThis.onmessage = ({ data: { call, ...parameters } }) => {
  try {
    globalThis.postMessage({ value: CALLS[call](parameters) });
  } catch (error) {
    globalThis.postMessage({ error: String(error) });
  }
};
