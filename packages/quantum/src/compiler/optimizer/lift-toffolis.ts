import type { Circuit } from '../../circuit/circuit.ts';
import type { GateInstruction, Instruction } from '../../circuit/instruction.ts';
import type { Pass } from '../pass.ts';

/** How many gates of one wire are looked at for a third wire. */
const SEARCH_GATES = 10;
/** Known networks of a Toffoli gate have at most eight cx. */
const MOST_COST = 8;
/** A plain Toffoli gate needs six cx; relative-phase ones that count as ccz on three wires at least four. */
const LEAST_COST = 4;
const ANGLE_TOLERANCE = 1e-9;
const QUARTER = Math.PI / 4;

/** Turns networks of cx and phases that are doubly controlled signs into ccz gates: {@link liftToffolis} as a pass. */
export const liftToffolisPass: Pass = {
  name: 'lift Toffoli gates',
  run: (state) => ({ ...state, circuit: liftToffolis(state.circuit) }),
};

/**
 * Finds on every three qubits networks of cx and phase gates whose linear part is the identity and whose phases are those of a
 * ccz, up to phases on single qubits, and puts `ccz`, `x` and `p` in their place. The global phase is not kept. Looks at cx,
 * diagonal gates on one qubit (also u and u3 with theta = 0), cz, cp, cs, crz and rzz; anything else ends a network, as do free
 * angles.
 *
 * @returns a new circuit, or the same one where nothing was found.
 */
export function liftToffolis(circuit: Circuit): Circuit {
  const search = new NetworkSearch(circuit);
  const replacements = new Map<number, Instruction[]>();
  for (let i = 0; i < search.effects.length; i++) {
    if (search.taken[i] || search.effects[i]!.cost <= 0) continue;
    for (const third of search.thirdQubits(i)) {
      const found = search.match(i, third);
      if (found === null) continue;
      replacements.set(i, found);
      break;
    }
  }
  if (replacements.size === 0) return circuit;
  const lifted = circuit.emptyCopy();
  circuit.forEach((instruction, i) => {
    for (const step of replacements.get(i) ?? []) lifted.append(step);
    if (!search.taken[i]) lifted.append(instruction);
  });
  return lifted;
}

/** A gate as a linear map with phases: `terms` are `[operand mask, angle]`: e^(i angle) where the bits under the mask are odd. */
interface Effect {
  readonly isLinear: boolean;
  readonly cost: number;
  readonly terms: readonly (readonly [number, number])[];
}

const OPAQUE: Effect = { isLinear: false, cost: -1, terms: [] };
const CX: Effect = { isLinear: true, cost: 1, terms: [] };
const single = (angle: number): Effect => ({ isLinear: false, cost: 0, terms: [[1, angle]] });

const controlledPhase = (angle: number, cost = 2): Effect => ({
  isLinear: false,
  cost,
  terms: [
    [1, angle / 2],
    [2, angle / 2],
    [3, -angle / 2],
  ],
});

/** What a gate does to parities of its qubits; {@link OPAQUE} for gates that are no cx and not diagonal. */
function effectOf(instruction: Instruction): Effect {
  if (instruction.kind !== 'gate') return OPAQUE;
  const angles = instruction.parameters;
  if (angles.some((angle) => typeof angle !== 'number')) return OPAQUE;
  const [first = 0, second = 0, third = 0] = angles as readonly number[];
  switch (instruction.name) {
    case 'cx':
      return CX;
    case 'id':
      return single(0);
    case 'z':
      return single(4 * QUARTER);
    case 's':
      return single(2 * QUARTER);
    case 'sdg':
      return single(-2 * QUARTER);
    case 't':
      return single(QUARTER);
    case 'tdg':
      return single(-QUARTER);
    case 'p':
    case 'u1':
    case 'rz':
      return single(first);
    case 'u':
    case 'u3':
      return Math.abs(first) < ANGLE_TOLERANCE ? single(second + third) : OPAQUE;
    case 'cz':
      return controlledPhase(4 * QUARTER, 1);
    case 'cs':
      return controlledPhase(2 * QUARTER);
    case 'csdg':
      return controlledPhase(-2 * QUARTER);
    case 'cp':
    case 'cu1':
      return controlledPhase(first);
    case 'crz': {
      const terms = [[2, first / 2] as const, [3, -first / 2] as const];
      return { isLinear: false, cost: 2, terms };
    }
    case 'rzz':
      return { isLinear: false, cost: 2, terms: [[3, first]] };
    default:
      return OPAQUE;
  }
}

/** The gates of a circuit by qubit, and which of them are part of networks already. */
class NetworkSearch {
  readonly effects: Effect[] = [];
  readonly taken: Uint8Array;
  readonly #gates: Instruction[] = [];
  /** For each qubit the positions of what acts on it, ascending. */
  readonly #timeline: number[][];
  readonly #parity = new Int32Array(3);
  /** Phase of each parity of the three inputs, by mask. */
  readonly #phases = new Float64Array(8);

  constructor(circuit: Circuit) {
    this.#timeline = Array.from({ length: circuit.qubitCount }, () => []);
    circuit.forEach((instruction, i) => {
      this.#gates.push(instruction);
      this.effects.push(effectOf(instruction));
      // Nothing may move across what leaves a loop.
      const leaves = instruction.kind === 'break' || instruction.kind === 'continue';
      if (leaves) for (const timeline of this.#timeline) timeline.push(i);
      else for (const qubit of instruction.qubits) this.#timeline[qubit]!.push(i);
    });
    this.taken = new Uint8Array(this.#gates.length);
  }

  /** The place in a qubit's timeline of the first gate at or after a position. */
  #placeOf(qubit: number, position: number): number {
    const timeline = this.#timeline[qubit]!;
    let [low, high] = [0, timeline.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (timeline[middle]! < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Qubits that one of the two of a gate meets next, looking through gates on one qubit. */
  thirdQubits(position: number): number[] {
    const pair = this.#gates[position]!.qubits;
    const found: number[] = [];
    for (const qubit of pair) {
      const timeline = this.#timeline[qubit]!;
      const start = this.#placeOf(qubit, position) + 1;
      for (let place = start; place < Math.min(timeline.length, start + SEARCH_GATES); place++) {
        const next = timeline[place]!;
        if (this.taken[next] || this.effects[next] === OPAQUE) break;
        const third = this.#gates[next]!.qubits.find((other) => !pair.includes(other));
        if (third === undefined) continue;
        if (!found.includes(third)) found.push(third);
        break;
      }
    }
    return found;
  }

  /** Follows three qubits from a gate on; takes the gates of a network that is a ccz and returns what replaces them. */
  match(position: number, third: number): Instruction[] | null {
    const [first, second] = this.#gates[position]!.qubits as readonly [number, number];
    const qubits = [first, second, third];
    const places = qubits.map((qubit) => this.#placeOf(qubit, position));
    const used: number[] = [];
    this.#parity.set([1, 2, 4]);
    this.#phases.fill(0);
    for (let cost = 0; cost <= MOST_COST; ) {
      const next = Math.min(...qubits.map((qubit, k) => this.#timeline[qubit]![places[k]!] ?? Infinity));
      if (next === Infinity || this.taken[next]) return null;
      const operands = this.#gates[next]!.qubits.map((qubit) => qubits.indexOf(qubit));
      const effect = this.effects[next]!;
      if (effect === OPAQUE || operands.includes(-1)) return null;
      this.#apply(effect, operands);
      for (const k of operands) places[k]!++;
      used.push(next);
      cost += effect.cost;
      if (effect.cost === 0 || cost < LEAST_COST) continue;
      const signs = this.#signs();
      if (signs === null) continue;
      for (const i of used) this.taken[i] = 1;
      return this.#replacement(qubits, signs);
    }
    return null;
  }

  #apply(effect: Effect, operands: readonly number[]): void {
    const parity = this.#parity;
    if (effect.isLinear) {
      parity[operands[1]!]! ^= parity[operands[0]!]!;
      return;
    }
    for (const [mask, angle] of effect.terms) {
      let input = 0;
      operands.forEach((k, bit) => {
        if ((mask >> bit) & 1) input ^= parity[k]!;
      });
      this.#phases[input]! += angle;
    }
  }

  /**
   * For each of the three qubits 1 where the ccz acts on |1>, -1 where on |0>; null where the network so far is no ccz. The sign
   * of a ccz is e^(i pi xyz), and 4 xyz = x + y + z - (x^y) - (x^z) - (y^z) + (x^y^z); phases of pi on a parity are phases on
   * its single qubits.
   */
  #signs(): readonly [number, number, number] | null {
    const parity = this.#parity;
    if (parity[0] !== 1 || parity[1] !== 2 || parity[2] !== 4) return null;
    const [xy, xz, yz, xyz] = [3, 5, 6, 7].map((mask) => oddSign(this.#phases[mask]!));
    if (!xy || !xz || !yz || !xyz || xy * xz * yz !== -1) return null;
    // Up to a common sign: xy = -(x y), xz = -(x z).
    const [y, z] = [-xy, -xz];
    const common = xyz * y * z;
    return [common, common * y, common * z];
  }

  #replacement(qubits: readonly number[], signs: readonly number[]): Instruction[] {
    const gate = (
      name: 'x' | 'ccz' | 'p',
      on: readonly number[],
      ...parameters: number[]
    ): GateInstruction => ({
      kind: 'gate',
      name,
      qubits: on,
      parameters,
    });
    const flips = qubits.filter((_, k) => signs[k]! < 0).map((qubit) => gate('x', [qubit]));
    const steps: Instruction[] = [...flips, gate('ccz', qubits), ...flips];
    qubits.forEach((qubit, k) => {
      const left = this.#phases[1 << k]! - signs[k]! * QUARTER + this.#halfTurns(k);
      if (Math.abs(Math.sin(left / 2)) > ANGLE_TOLERANCE) steps.push(gate('p', [qubit], left));
    });
    return steps;
  }

  /** The half turns among the phases of parities that have qubit `k`: each is a half turn of that qubit itself. */
  #halfTurns(k: number): number {
    let turns = 0;
    for (const mask of [3, 5, 6, 7]) {
      if (!((mask >> k) & 1)) continue;
      const angle = this.#phases[mask]!;
      turns += angle - oddSign(angle) * QUARTER;
    }
    return turns;
  }
}

/** 1 or -1 for an angle of pi/4 or -pi/4 up to multiples of pi, else 0. */
function oddSign(angle: number): -1 | 0 | 1 {
  const eighths = angle / QUARTER;
  const rounded = Math.round(eighths);
  if (Math.abs(eighths - rounded) > ANGLE_TOLERANCE) return 0;
  const rest = ((rounded % 4) + 4) % 4;
  if (rest === 1) return 1;
  return rest === 3 ? -1 : 0;
}
