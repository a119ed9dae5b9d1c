/** @file What `openqasm.mjs` times, with the package's sources. */
import {
  formatOpenQasm2,
  formatOpenQasm3,
  parseOpenQasm,
  parseOpenQasm2,
  parseOpenQasmSyntax,
} from '@qedge/quantum';

/** Best of `rounds`, in megabytes a second. */
function rate(bytes, rounds, run) {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    run();
    best = Math.min(best, performance.now() - start);
  }
  return bytes / 1000 / best;
}

/** Random rotations and CX on 24 qubits, about a megabyte. */
function plainProgram(seed) {
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const lines = ['OPENQASM 2.0;', 'include "qelib1.inc";', 'qreg q[24];', 'creg c[24];'];
  for (let length = 0; length < 1_000_000; length += lines.at(-1).length + 1) {
    const q = Math.floor(random() * 24);
    const kind = Math.floor(random() * 3);
    if (kind === 0) lines.push(`cx q[${q}],q[${(q + 1 + Math.floor(random() * 23)) % 24}];`);
    else if (kind === 1) lines.push(`u3(${random() * 6},${random()},pi/4) q[${q}];`);
    else lines.push(`rz(${(random() - 0.5) * 6}) q[${q}];`);
  }
  return `${lines.join('\n')}\nmeasure q -> c;\n`;
}

/** @returns rates by what is done. */
export function measureOpenQasm(rounds, seed) {
  const text2 = plainProgram(seed);
  const circuit = parseOpenQasm2(text2);
  const text3 = formatOpenQasm3(circuit);
  return {
    'OpenQASM 2, syntax tree': rate(text2.length, rounds, () => parseOpenQasmSyntax(text2)),
    'OpenQASM 2, circuit': rate(text2.length, rounds, () => parseOpenQasm(text2)),
    'OpenQASM 3, circuit': rate(text3.length, rounds, () => parseOpenQasm(text3)),
    'OpenQASM 2, written': rate(text2.length, rounds, () => formatOpenQasm2(circuit)),
    'OpenQASM 3, written': rate(text3.length, rounds, () => formatOpenQasm3(circuit)),
  };
}
