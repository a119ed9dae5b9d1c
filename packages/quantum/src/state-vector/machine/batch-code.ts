import type { MemoryOperand, Target, Vector } from '@qedge/codegen';
import type { BatchKernel, BatchStep, RowFactor } from '../batch/plan-batch.ts';
import { blockQubitsOf, Rotation } from './kernel-registers.ts';
import { rowOffsets } from './state-addressing.ts';

/** Where things lie, in bytes from the argument block. A complex number is a vector of real parts, then one of imaginary parts. */
export interface BatchLayout {
  /** One number per lane. */
  readonly vectorBytes: number;
  /** A vector of ones. */
  readonly one: number;
  /** `[units]` complex numbers. */
  readonly units: number;
  /** `[phase steps of a kernel, rows]` complex numbers. */
  readonly factors: number;
  /** `[2^qubitCount]` complex numbers. */
  readonly state: number;
  readonly byteLength: number;
}

/** Lays a batch out: argument block, ones, units, factors, state. */
export function layOutBatch(
  vectorBytes: number,
  unitCount: number,
  kernels: readonly BatchKernel[],
  qubitCount: number,
): BatchLayout {
  const one = 64;
  const units = one + vectorBytes;
  const factors = units + 2 * vectorBytes * unitCount;
  const factorCount = kernels.reduce((most, { wires, steps }) => {
    return Math.max(most, steps.filter(({ kind }) => kind === 'phases').length * 2 ** wires.length);
  }, 0);
  const state = factors + 2 * vectorBytes * factorCount;
  return { vectorBytes, one, units, factors, state, byteLength: state + 2 * vectorBytes * 2 ** qubitCount };
}

/** Emits a circuit on |0...0> for as many sets of parameters as a vector has lanes. */
export function emitBatch(
  target: Target<unknown>,
  layout: BatchLayout,
  kernels: readonly BatchKernel[],
  qubitCount: number,
): void {
  new BatchCode(target, layout, qubitCount).emit(kernels);
}

class BatchCode {
  readonly #target: Target<unknown>;
  readonly #layout: BatchLayout;
  readonly #qubitCount: number;
  readonly #rows: readonly Vector[];
  readonly #temporaries: readonly Vector[];

  constructor(target: Target<unknown>, layout: BatchLayout, qubitCount: number) {
    this.#target = target;
    this.#layout = layout;
    this.#qubitCount = qubitCount;
    const { traits } = target;
    const rowVectors = 2 * 2 ** blockQubitsOf(traits);
    this.#rows = target.vectors('rows', rowVectors);
    this.#temporaries = target.vectors('temporaries', traits.vectors - rowVectors - traits.temporaries.fma);
  }

  emit(kernels: readonly BatchKernel[]): void {
    const target = this.#target;
    const local = target.pointer('offset of the block');
    const memory = target.pointer('rows in memory');
    this.#emitStart();
    for (const kernel of kernels) {
      const phases = kernel.steps.filter((step) => step.kind === 'phases');
      phases.forEach(({ rows }, index) => {
        this.#emitFactors(rows, index);
      });
      const row = 2 * this.#layout.vectorBytes;
      const others = Array.from({ length: this.#qubitCount }, (_, wire) => wire).filter(
        (wire) => !kernel.wires.includes(wire),
      );
      const mask = others.reduce((sum, wire) => sum + row * 2 ** wire, 0);
      const places = rowOffsets(kernel.wires.map((wire) => wire + Math.log2(row))).flatMap((offset) => {
        const place = this.#layout.state + offset;
        return [place, place + this.#layout.vectorBytes];
      });
      const vectors = this.#rows.slice(0, places.length);
      target.loopSubsets(local, mask, () => {
        target.addPointers(memory, target.block, local);
        target.loadAll(vectors, memory, places);
        target.storeAll(this.#emitSteps(kernel, vectors), memory, places);
      });
    }
  }

  /** The state |0...0>. */
  #emitStart(): void {
    const target = this.#target;
    const { vectorBytes, one, state } = this.#layout;
    const [number] = this.#temporaries as [Vector];
    const at = target.pointer('next amplitude');
    target.zero(number);
    target.copyPointer(at, target.block);
    target.advance(at, state);
    target.loop(2 ** this.#qubitCount, () => {
      target.store(number, { base: at, offset: 0 });
      target.store(number, { base: at, offset: vectorBytes });
      target.advance(at, 2 * vectorBytes);
    });
    target.load(number, { base: target.block, offset: one });
    target.store(number, { base: target.block, offset: state });
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
