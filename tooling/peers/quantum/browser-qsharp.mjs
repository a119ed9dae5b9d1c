// A worker of the browser benchmark: qsharp-lang, whose simulator is Rust as WebAssembly (double precision). Circuits become Q# programs.
import { getCompiler, loadWasmModule, log, QscEventTarget } from 'qsharp-lang';

/** Runs of one call, after the first that tells how long they take. */
const LEAST_SECONDS = 1;
const MOST_SHOTS = 50;

/** Q# for each gate; `u(theta, phi, lambda)` is `R1(phi) Ry(theta) R1(lambda)`. */
const STATEMENTS = {
  h: (qubits) => `H(${qubits[0]});`,
  ry: (qubits, [theta]) => `Ry(${theta}, ${qubits[0]});`,
  cx: (qubits) => `CNOT(${qubits.join(', ')});`,
  swap: (qubits) => `SWAP(${qubits.join(', ')});`,
  cp: ([control, target], [theta]) => `Controlled R1([${control}], (${theta}, ${target}));`,
  u: ([qubit], [theta, phi, lambda]) =>
    `R1(${lambda}, ${qubit}); Ry(${theta}, ${qubit}); R1(${phi}, ${qubit});`,
};

let compiler = null;
let program = null;

const CALLS = {
  async open({ wasmUrl }) {
    log.setLogLevel('error');
    await loadWasmModule(wasmUrl);
    compiler = await getCompiler();
    return {};
  },
  prepare({ circuit: { qubitCount, gates } }) {
    const statements = gates.map(([name, qubits, angles]) =>
      STATEMENTS[name](
        qubits.map((qubit) => `q[${qubit}]`),
        angles.map(toDouble),
      ),
    );
    const operation = (name, body) =>
      `operation ${name}() : Unit { use q = Qubit[${qubitCount}]; ${body} ResetAll(q); }`;
    const source = [
      'import Std.Diagnostics.*;',
      `operation Work(q : Qubit[]) : Unit {\n${statements.join('\n')}\n}`,
      operation('Idle', ''),
      operation('Run', 'Work(q);'),
      operation('Dump', 'Work(q); DumpMachine();'),
    ].join('\n');
    program = { sources: [['circuit.qs', source]], languageFeatures: [] };
  },
  /** Seconds of one shot, without those of compiling the program, which each call does anew. */
  async time() {
    const first = await timeShots('Run', 1);
    const idle = Math.min(await timeShots('Idle', 1), await timeShots('Idle', 1));
    if (first - idle > LEAST_SECONDS) return first - idle;
    const shots = Math.min(MOST_SHOTS, Math.ceil(LEAST_SECONDS / Math.max(first - idle, 1e-3)));
    return ((await timeShots('Run', shots)) - idle) / shots;
  },
  async amplitudes() {
    const events = new QscEventTarget(true);
    await compiler.run(program, 'circuit.Dump()', 1, events);
    const { state } = events.getResults()[0].events.find(({ type }) => type === 'DumpMachine');
    const labels = Object.keys(state);
    const qubitCount = labels[0].length - 2;
    const amplitudes = new Array(2 * 2 ** qubitCount).fill(0);
    for (const label of labels) {
      // |q0 q1 ...>
      const index = Number.parseInt([...label.slice(1, -1)].reverse().join(''), 2);
      [amplitudes[2 * index], amplitudes[2 * index + 1]] = state[label];
    }
    return amplitudes;
  },
};

async function timeShots(operation, shots) {
  const start = performance.now();
  await compiler.run(program, `circuit.${operation}()`, shots, new QscEventTarget(false));
  return (performance.now() - start) / 1000;
}

/** Q# tells integers from doubles by their spelling. */
function toDouble(value) {
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

globalThis.onmessage = async ({ data: { call, ...parameters } }) => {
  try {
    globalThis.postMessage({ value: await CALLS[call](parameters) });
  } catch (error) {
    globalThis.postMessage({ error: String(error) });
  }
};
