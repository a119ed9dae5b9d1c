/**
 * An operator as a sum of Pauli strings with complex coefficients. String `t` is `i^(x.z) X^x Z^z` (Hermitian) with the bit masks `x[t]`
 * and `z[t]`; bit `k` belongs to `wires[k]`. Immutable.
 */
export interface PauliExpansion {
  readonly wires: readonly number[];
  readonly x: Int32Array;
  readonly z: Int32Array;
  readonly re: Float64Array;
  readonly im: Float64Array;
}

/** Two masks make one key below 2^53. */
export const MOST_EXPANSION_WIRES = 26;
/** Squared coefficients below this are rounding. */
const NEGLIGIBLE = 1e-27;

/** @param matrix a unitary `[2^k, 2^k, 2]`, bit `i` of an index belonging to `wires[i]`. */
export function expandMatrix(matrix: Float64Array, wires: readonly number[]): PauliExpansion {
  const size = 2 ** wires.length;
  const terms = new TermTable(size * size);
  for (let x = 0; x < size; x++) {
    for (let z = 0; z < size; z++) {
      let [re, im] = [0, 0];
      for (let column = 0; column < size; column++) {
        const at = 2 * ((column ^ x) * size + column);
        const sign = popCount(z & column) & 1 ? -1 : 1;
        re += sign * matrix[at]!;
        im += sign * matrix[at + 1]!;
      }
      // The coefficient carries i^(x.z): taken away by that many quarter turns back.
      terms.addTurned(x, z, re / size, im / size, -popCount(x & z));
    }
  }
  return terms.finish(wires);
}

/**
 * The product of two operators, `left` applied last.
 *
 * @returns null when it has more than `mostTerms` strings or more than 26 wires.
 */
export function multiplyExpansions(
  left: PauliExpansion,
  right: PauliExpansion,
  mostTerms: number,
): PauliExpansion | null {
  const [wide, narrow] = left.wires.length >= right.wires.length ? [left, right] : [right, left];
  const wires = [...wide.wires, ...narrow.wires.filter((wire) => !wide.wires.includes(wire))];
  if (wires.length > MOST_EXPANSION_WIRES) return null;
  const bits = narrow.wires.map((wire) => wires.indexOf(wire));
  const moved = { x: moveBits(narrow.x, bits), z: moveBits(narrow.z, bits) };
  const { x: ax, z: az } = wide === left ? left : moved;
  const { x: bx, z: bz } = wide === left ? moved : right;
  const terms = new TermTable(Math.min(left.x.length * right.x.length, 4 * mostTerms));
  for (let i = 0; i < ax.length; i++) {
    const [xi, zi, re, im] = [ax[i]!, az[i]!, left.re[i]!, left.im[i]!];
    const own = popCount(xi & zi);
    for (let j = 0; j < bx.length; j++) {
      const [xj, zj] = [bx[j]!, bz[j]!];
      const [x, z] = [xi ^ xj, zi ^ zj];
      const turns = own + popCount(xj & zj) + 2 * popCount(zi & xj) - popCount(x & z);
      const [cr, ci] = [right.re[j]!, right.im[j]!];
      terms.addTurned(x, z, re * cr - im * ci, re * ci + im * cr, turns);
    }
    if (terms.count > 4 * mostTerms) return null;
  }
  const product = terms.finish(wires);
  return product.x.length > mostTerms ? null : product;
}

/** Sums coefficients by their strings. */
class TermTable {
  #x: Int32Array;
  #z: Int32Array;
  #re: Float64Array;
  #im: Float64Array;
  #slots: Int32Array;
  count = 0;

  constructor(expected: number) {
    const capacity = Math.max(16, Math.min(expected, 1024));
    [this.#x, this.#z] = [new Int32Array(capacity), new Int32Array(capacity)];
    [this.#re, this.#im] = [new Float64Array(capacity), new Float64Array(capacity)];
    this.#slots = new Int32Array(4 * 2 ** Math.ceil(Math.log2(capacity))).fill(-1);
  }

  /** Adds `i^turns (re + i im)`. */
  addTurned(x: number, z: number, re: number, im: number, turns: number): void {
    const at = this.#find(x, z);
    switch (turns & 3) {
      case 0:
        this.#re[at]! += re;
        this.#im[at]! += im;
        break;
      case 1:
        this.#re[at]! -= im;
        this.#im[at]! += re;
        break;
      case 2:
        this.#re[at]! -= re;
        this.#im[at]! -= im;
        break;
      default:
        this.#re[at]! += im;
        this.#im[at]! -= re;
    }
  }

  /** What is left, without strings that have cancelled; ends the table. */
  finish(wires: readonly number[]): PauliExpansion {
    let kept = 0;
    for (let i = 0; i < this.count; i++) {
      const [re, im] = [this.#re[i]!, this.#im[i]!];
      if (re * re + im * im <= NEGLIGIBLE) continue;
      this.#x[kept] = this.#x[i]!;
      this.#z[kept] = this.#z[i]!;
      this.#re[kept] = re;
      this.#im[kept] = im;
      kept++;
    }
    // The strings have moved: nothing is added any more.
    this.#slots = new Int32Array(0);
    return {
      wires,
      x: this.#x.slice(0, kept),
      z: this.#z.slice(0, kept),
      re: this.#re.slice(0, kept),
      im: this.#im.slice(0, kept),
    };
  }

  #find(x: number, z: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash(x, z) & mask;
    for (let at = this.#slots[slot]!; at >= 0; at = this.#slots[slot]!) {
      if (this.#x[at] === x && this.#z[at] === z) return at;
      slot = (slot + 1) & mask;
    }
    if (this.count === this.#x.length) {
      this.#grow();
      return this.#find(x, z);
    }
    this.#x[this.count] = x;
    this.#z[this.count] = z;
    this.#slots[slot] = this.count;
    return this.count++;
  }

  #grow(): void {
    const capacity = 2 * this.#x.length;
    [this.#x, this.#z] = [
      enlarge(this.#x, new Int32Array(capacity)),
      enlarge(this.#z, new Int32Array(capacity)),
    ];
    [this.#re, this.#im] = [
      enlarge(this.#re, new Float64Array(capacity)),
      enlarge(this.#im, new Float64Array(capacity)),
    ];
    this.#slots = new Int32Array(2 * this.#slots.length).fill(-1);
    const mask = this.#slots.length - 1;
    for (let i = 0; i < this.count; i++) {
      let slot = hash(this.#x[i]!, this.#z[i]!) & mask;
      while (this.#slots[slot]! >= 0) slot = (slot + 1) & mask;
      this.#slots[slot] = i;
    }
  }
}

function enlarge<Numbers extends Int32Array | Float64Array>(old: Numbers, larger: Numbers): Numbers {
  larger.set(old);
  return larger;
}

function hash(x: number, z: number): number {
  const mixed = Math.imul(x, 0x9e3779b1) ^ Math.imul(z, 0x85ebca6b);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

function moveBits(masks: Int32Array, bits: readonly number[]): Int32Array {
  return masks.map((mask) => bits.reduce((moved, to, from) => moved | (((mask >> from) & 1) << to), 0));
}

/** How many bits are 1. */
export function popCount(bits: number): number {
  let count = bits - ((bits >>> 1) & 0x55555555);
  count = (count & 0x33333333) + ((count >>> 2) & 0x33333333);
  return Math.imul((count + (count >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
