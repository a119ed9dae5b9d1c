import type { MemoryOperand, Pointer, Target, Vector } from '@qedge/codegen';
import type { BatchKernel, BatchStep, RowFactor } from '../batch/plan-batch.ts';
import { blockQubitsOf, Rotation } from './kernel-registers.ts';
import { rowOffsets } from './state-addressing.ts';

/** Where things lie, in bytes from the argument block. A complex number is a vector of real parts, then one of imaginary parts. */
export interface BatchLayout {
  readonly numberBytes: 4 | 8;
  /** One number per lane. */
  readonly vectorBytes: number;
  /** {@link batchConstants}, a vector each. */
  readonly constants: number;
  /** `[units, 3]` vectors: angles within an eighth of a turn, and by which powers of `i` their units are to be multiplied. */
  readonly angles: number;
  readonly unitCount: number;
  /** `[units]` complex numbers. */
  readonly units: number;
  /** `[phase steps of a kernel, rows]` complex numbers. */
  readonly factors: number;
  readonly qubitCount: number;
  /** `[2^qubitCount]` complex numbers. */
  readonly state: number;
  /** For each lane a state of its own, as machines lay states out, every `stateBytes`. */
  readonly states: number;
  readonly stateBytes: number;
  readonly byteLength: number;
}

/** Polynomials on an eighth of a turn either side: Cephes' `sinf.c`, and fdlibm's `k_sin.c` and `k_cos.c`. Lowest powers first. */
const SINES = {
  4: [-1.6666654611e-1, 8.3321608736e-3, -1.9515295891e-4],
  8: [
    -0.16666666666666632, 0.00833333333332249, -0.0001984126982985795, 0.0000027557313707070068,
    -2.5050760253406863e-8, 1.58969099521155e-10,
  ],
} as const;
const COSINES = {
  4: [4.166664568298827e-2, -1.388731625493765e-3, 2.443315711809948e-5],
  8: [
    0.0416666666666666, -0.001388888888887411, 0.00002480158728947673, -2.7557314351390663e-7,
    2.087572321298175e-9, -1.1359647557788195e-11,
  ],
} as const;

/** Numbers that the code of batches needs. */
export function batchConstants(numberBytes: 4 | 8): readonly number[] {
  return [1, 0.5, ...SINES[numberBytes], ...COSINES[numberBytes]];
}

/**
 * Lays a batch out.
 *
 * @param stateBytes of one state of so many qubits on its own.
 */
export function layOutBatch(
  numberBytes: 4 | 8,
  lanes: number,
  unitCount: number,
  kernels: readonly BatchKernel[],
  qubitCount: number,
  stateBytes: number,
): BatchLayout {
  const vectorBytes = numberBytes * lanes;
  // An argument block without fields stands in front.
  const constants = 64;
  const angles = constants + batchConstants(numberBytes).length * vectorBytes;
  const units = angles + 3 * vectorBytes * unitCount;
  const factors = units + 2 * vectorBytes * unitCount;
  const factorCount = kernels.reduce((most, { wires, steps }) => {
    return Math.max(most, steps.filter(({ kind }) => kind === 'phases').length * 2 ** wires.length);
  }, 0);
  const state = factors + 2 * vectorBytes * factorCount;
  const states = state + 2 * vectorBytes * 2 ** qubitCount;
  return {
    ...{ numberBytes, vectorBytes, constants, angles, unitCount, units, factors, qubitCount, state, states },
    stateBytes,
    byteLength: states + lanes * stateBytes,
  };
}

/** Emits a circuit on |0...0> for as many sets of parameters as a vector has lanes. */
export function emitBatch(
  target: Target<unknown>,
  layout: BatchLayout,
  kernels: readonly BatchKernel[],
): void {
  new BatchCode(target, layout).emit(kernels);
}

class BatchCode {
  readonly #target: Target<unknown>;
  readonly #layout: BatchLayout;
  /** Two addresses that move. */
  readonly #source: Pointer;
  readonly #destination: Pointer;
  readonly #rows: readonly Vector[];
  readonly #temporaries: readonly Vector[];

  constructor(target: Target<unknown>, layout: BatchLayout) {
    this.#target = target;
    this.#layout = layout;
    this.#source = target.pointer('source');
    this.#destination = target.pointer('destination');
    const { traits } = target;
    const rowVectors = 2 * 2 ** blockQubitsOf(traits);
    this.#rows = target.vectors('rows', rowVectors);
    this.#temporaries = target.vectors('temporaries', traits.vectors - rowVectors - traits.temporaries.fma);
  }

  emit(kernels: readonly BatchKernel[]): void {
    this.#emitUnits();
    this.#emitStart();
    for (const kernel of kernels) this.#emitKernel(kernel);
    this.#emitStates();
  }

  /** `e^(i angle)` of every angle. */
  #emitUnits(): void {
    const target = this.#target;
    const { angles, units, unitCount, vectorBytes, numberBytes } = this.#layout;
    const [x, z, sine, cosine, free, re, im] = this.#temporaries as [
      ...[Vector, Vector, Vector, Vector, Vector, Vector, Vector],
    ];
    const sines = 2 + SINES[numberBytes].length;
    target.offsetPointer(this.#source, target.block, angles);
    target.offsetPointer(this.#destination, target.block, units);
    target.loop(unitCount, () => {
      target.load(x, { base: this.#source, offset: 0 });
      target.float('multiply', z, x, x);
      this.#emitPolynomial(sine, z, 2, sines, free);
      target.float('multiply', sine, sine, z);
      target.multiplyAdd(sine, x, x);
      this.#emitPolynomial(cosine, z, sines, sines + COSINES[numberBytes].length, free);
      target.float('multiply', cosine, cosine, z);
      target.load(re, this.#constant(0));
      target.load(im, this.#constant(1));
      target.fnma(re, im, z);
      target.multiplyAdd(cosine, z, re);
      // Times the power of i.
      target.load(re, { base: this.#source, offset: vectorBytes });
      target.load(im, { base: this.#source, offset: 2 * vectorBytes });
      this.#multiply(cosine, sine, re, im, free);
      target.store(cosine, { base: this.#destination, offset: 0 });
      target.store(sine, { base: this.#destination, offset: vectorBytes });
      target.advance(this.#source, 3 * vectorBytes);
      target.advance(this.#destination, 2 * vectorBytes);
    });
  }

  #constant(index: number): MemoryOperand {
    const { constants, vectorBytes } = this.#layout;
    return { base: this.#target.block, offset: constants + index * vectorBytes };
  }

  /** Constants `first` to `end - 1` as coefficients of the powers of `z`. */
  #emitPolynomial(sum: Vector, z: Vector, first: number, end: number, free: Vector): void {
    this.#target.load(sum, this.#constant(end - 1));
    for (let index = end - 2; index >= first; index--) {
      this.#target.load(free, this.#constant(index));
      this.#target.multiplyAdd(sum, z, free);
    }
  }

  /** The state |0...0>. */
  #emitStart(): void {
    const target = this.#target;
    const { vectorBytes, state, qubitCount } = this.#layout;
    const [number] = this.#temporaries as [Vector];
    target.zero(number);
    target.offsetPointer(this.#destination, target.block, state);
    target.loop(2 ** qubitCount, () => {
      target.store(number, { base: this.#destination, offset: 0 });
      target.store(number, { base: this.#destination, offset: vectorBytes });
      target.advance(this.#destination, 2 * vectorBytes);
    });
    target.load(number, this.#constant(0));
    target.store(number, { base: target.block, offset: state });
  }

  #emitKernel(kernel: BatchKernel): void {
    const target = this.#target;
    const { vectorBytes, qubitCount, state } = this.#layout;
    const phases = kernel.steps.filter((step) => step.kind === 'phases');
    phases.forEach(({ rows }, index) => {
      this.#emitFactors(rows, index);
    });
    const row = 2 * vectorBytes;
    const others = Array.from({ length: qubitCount }, (_, wire) => wire).filter(
      (wire) => !kernel.wires.includes(wire),
    );
    const mask = others.reduce((sum, wire) => sum + row * 2 ** wire, 0);
    const places = rowOffsets(kernel.wires.map((wire) => wire + Math.log2(row))).flatMap((offset) => {
      return [state + offset, state + offset + vectorBytes];
    });
    const vectors = this.#rows.slice(0, places.length);
    target.loopSubsets(this.#source, mask, () => {
      target.addPointers(this.#destination, target.block, this.#source);
      target.loadAll(vectors, this.#destination, places);
      target.storeAll(this.#emitSteps(kernel, vectors), this.#destination, places);
    });
  }

  /** Gives each lane's amplitudes a state of their own: as many as a vector has lanes at a time, word by word. */
  #emitStates(): void {
    const target = this.#target;
    const { numberBytes, vectorBytes, qubitCount, state, states, stateBytes } = this.#layout;
    const lanes = vectorBytes / numberBytes;
    const count = Math.min(lanes, 2 ** qubitCount);
    target.offsetPointer(this.#source, target.block, state);
    target.offsetPointer(this.#destination, target.block, states);
    target.loop(2 ** qubitCount / count, () => {
      target.loop(lanes, () => {
        for (let index = 0; index < 2 * count; index++) {
          const part = index % 2;
          const to = part * vectorBytes + ((index - part) / 2) * numberBytes;
          for (let word = 0; word < numberBytes; word += 4) {
            target.moveWord(
              { base: this.#destination, offset: to + word },
              { base: this.#source, offset: index * vectorBytes + word },
            );
          }
        }
        target.advance(this.#source, numberBytes);
        target.advance(this.#destination, stateBytes);
      });
      target.advance(this.#source, 2 * count * vectorBytes - lanes * numberBytes);
      target.advance(this.#destination, 2 * vectorBytes - lanes * stateBytes);
    });
  }

  #unit(unit: number, part: 0 | 1): MemoryOperand {
    const { units, vectorBytes } = this.#layout;
    return { base: this.#target.block, offset: units + (2 * unit + part) * vectorBytes };
  }

  #factor(step: number, row: number, rowCount: number, part: 0 | 1): MemoryOperand {
    const { factors, vectorBytes } = this.#layout;
    const index = 2 * (step * rowCount + row) + part;
    return { base: this.#target.block, offset: factors + index * vectorBytes };
  }

  /** The product of the factors of each row, before the loop over blocks. */
  #emitFactors(rows: readonly (readonly RowFactor[])[], step: number): void {
    const target = this.#target;
    const [real, imaginary, cosine, sine, product] = this.#temporaries as [
      ...[Vector, Vector, Vector, Vector, Vector],
    ];
    rows.forEach(([first, ...others], row) => {
      if (first === undefined) return;
      this.#loadFactor(first, real, imaginary, product);
      for (const factor of others) {
        this.#loadFactor(factor, cosine, sine, product);
        this.#multiply(real, imaginary, cosine, sine, product);
      }
      target.store(real, this.#factor(step, row, rows.length, 0));
      target.store(imaginary, this.#factor(step, row, rows.length, 1));
    });
  }

  #loadFactor({ unit, isConjugate }: RowFactor, real: Vector, imaginary: Vector, free: Vector): void {
    const target = this.#target;
    target.load(real, this.#unit(unit, 0));
    target.load(imaginary, this.#unit(unit, 1));
    if (!isConjugate) return;
    target.zero(free);
    target.float('subtract', imaginary, free, imaginary);
  }

  /** `real + i imaginary` times `cosine + i sine`. */
  #multiply(real: Vector, imaginary: Vector, cosine: Vector, sine: Vector, product: Vector): void {
    const target = this.#target;
    target.float('multiply', product, real, sine);
    target.float('multiply', real, real, cosine);
    target.fnma(real, imaginary, sine);
    target.multiplyAdd(imaginary, cosine, product);
  }

  /** Returns the vectors of the rows in their order at the end. */
  #emitSteps({ steps }: BatchKernel, vectors: readonly Vector[]): Vector[] {
    const rows = Array.from({ length: vectors.length / 2 }, (_, row): readonly [Vector, Vector] => [
      vectors[2 * row]!,
      vectors[2 * row + 1]!,
    ]);
    let phaseSteps = 0;
    for (const step of steps) {
      if (step.kind === 'rotate') this.#emitRotation(step, rows);
      else if (step.kind === 'phases') this.#emitPhases(step, phaseSteps++, rows);
      else {
        const { controls, position } = step;
        for (let row = 0; row < rows.length; row++) {
          if ((row & controls) !== controls || (row & (1 << position)) !== 0) continue;
          const other = row | (1 << position);
          [rows[row], rows[other]] = [rows[other]!, rows[row]!];
        }
      }
    }
    return rows.flat();
  }

  #emitRotation(
    { axis, position, unit }: Extract<BatchStep, { kind: 'rotate' }>,
    rows: readonly (readonly [Vector, Vector])[],
  ): void {
    const target = this.#target;
    const [cosine, sine, ...others] = this.#temporaries as [Vector, Vector, ...Vector[]];
    const free = new Rotation(others);
    target.load(cosine, this.#unit(unit, 0));
    target.load(sine, this.#unit(unit, 1));
    for (let row = 0; row < rows.length; row++) {
      if ((row & (1 << position)) !== 0) continue;
      for (const part of [0, 1] as const) {
        // About Y parts of the same name mix; about X a real part takes s b, an imaginary one -s b.
        const a = rows[row]![part];
        const b = rows[row | (1 << position)]![axis === 'y' ? part : ((1 - part) as 0 | 1)];
        const turnsBack = axis === 'x' && part === 0;
        const product = free.next();
        target.float('multiply', product, turnsBack ? b : a, sine);
        const [first, second] = turnsBack ? [b, a] : [a, b];
        target.float('multiply', first, first, cosine);
        target.fnma(first, second, sine);
        target.multiplyAdd(second, cosine, product);
      }
    }
  }

  #emitPhases(
    { rows: factors }: Extract<BatchStep, { kind: 'phases' }>,
    step: number,
    rows: readonly (readonly [Vector, Vector])[],
  ): void {
    const free = new Rotation(this.#temporaries);
    factors.forEach(({ length }, row) => {
      if (length === 0) return;
      const [cosine, sine, product] = [free.next(), free.next(), free.next()];
      this.#target.load(cosine, this.#factor(step, row, rows.length, 0));
      this.#target.load(sine, this.#factor(step, row, rows.length, 1));
      this.#multiply(...rows[row]!, cosine, sine, product);
    });
  }
}
