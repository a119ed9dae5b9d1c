import { matrixOfRotation, type Rotation } from '../translation/rotation.ts';
import { kronecker, multiply4 } from './matrix4.ts';

const firstScratch = new Float64Array(8);
const secondScratch = new Float64Array(8);
const local = new Float64Array(32);
const product = new Float64Array(32);

/**
 * For each wire a one-qubit unitary that is still to be applied, as a unit quaternion: global phases are not kept, and a quaternion
 * is unitary again after one division. Gates are pulled before it: a gate `G` that comes after the frame `K` is `K (K+ G K)`.
 */
export class WireFrames {
  /** `[wires, 4]`: w, x, y, z of `w - i (x X + y Y + z Z)`. */
  #values = new Float64Array(0);
  /** 0 where the frame is exactly the identity. */
  #moved = new Uint8Array(0);

  constructor(wireCount: number) {
    this.clear(wireCount);
  }

  /** Makes all frames the identity, of so many wires. */
  clear(wireCount: number): void {
    if (wireCount > this.#moved.length) {
      this.#values = new Float64Array(4 * wireCount);
      this.#moved = new Uint8Array(wireCount);
    }
    this.#values.fill(0, 0, 4 * wireCount);
    this.#moved.fill(0, 0, wireCount);
    for (let wire = 0; wire < wireCount; wire++) this.#values[4 * wire] = 1;
  }

  isIdentity(wire: number): boolean {
    return this.#moved[wire] === 0;
  }

  reset(wire: number): void {
    this.#moved[wire] = 0;
    this.#values[4 * wire] = 1;
    this.#values.fill(0, 4 * wire + 1, 4 * wire + 4);
  }

  rotationOf(wire: number): Rotation {
    const v = this.#values;
    return { w: v[4 * wire]!, x: v[4 * wire + 1]!, y: v[4 * wire + 2]!, z: v[4 * wire + 3]! };
  }

  /** `[2, 2, 2]`, of determinant 1. */
  matrixOf(wire: number): Float64Array {
    return matrixOfRotation(this.rotationOf(wire));
  }

  /** A one-qubit gate after the frame: `frame = gate frame`. */
  rotate(wire: number, gate: Rotation): void {
    this.turn(wire, gate.w, gate.x, gate.y, gate.z);
  }

  /** {@link rotate} by the quaternion `a, b, c, d`. */
  turn(wire: number, a: number, b: number, c: number, d: number): void {
    const v = this.#values;
    const at = 4 * wire;
    const w = v[at]!;
    const x = v[at + 1]!;
    const y = v[at + 2]!;
    const z = v[at + 3]!;
    const pw = a * w - b * x - c * y - d * z;
    const px = a * x + b * w + c * z - d * y;
    const py = a * y - b * z + c * w + d * x;
    const pz = a * z + b * y - c * x + d * w;
    this.#store(wire, pw, px, py, pz);
  }

  /** A one-qubit gate between the last step and the frame: `frame = frame gate`. */
  rotateFirst(wire: number, { w, x, y, z }: Rotation): void {
    const v = this.#values;
    const at = 4 * wire;
    const a = v[at]!;
    const b = v[at + 1]!;
    const c = v[at + 2]!;
    const d = v[at + 3]!;
    const pw = a * w - b * x - c * y - d * z;
    const px = a * x + b * w + c * z - d * y;
    const py = a * y - b * z + c * w + d * x;
    const pz = a * z + b * y - c * x + d * w;
    this.#store(wire, pw, px, py, pz);
  }

  /** `frame = frame n.sigma`, a half turn about the axis at `at`. */
  turnFirst(wire: number, axes: Float64Array, at: number): void {
    this.rotateFirst(wire, { w: 0, x: axes[at]!, y: axes[at + 1]!, z: axes[at + 2]! });
  }

  #store(wire: number, w: number, x: number, y: number, z: number): void {
    this.#moved[wire] = 1;
    const v = this.#values;
    const scale = 1 / Math.sqrt(w * w + x * x + y * y + z * z);
    v[4 * wire] = w * scale;
    v[4 * wire + 1] = x * scale;
    v[4 * wire + 2] = y * scale;
    v[4 * wire + 3] = z * scale;
  }

  /** Exchanges the frames of two wires. */
  exchange(a: number, b: number): void {
    const v = this.#values;
    for (let i = 0; i < 4; i++) [v[4 * a + i], v[4 * b + i]] = [v[4 * b + i]!, v[4 * a + i]!];
    [this.#moved[a], this.#moved[b]] = [this.#moved[b]!, this.#moved[a]!];
  }

  /** The axis of a gate that comes after the frame becomes that of the gate before it, in place: `frame+ n.sigma frame`. */
  pullAxis(wire: number, axes: Float64Array, at: number): void {
    if (this.#moved[wire] === 0) return;
    const v = this.#values;
    const k = 4 * wire;
    rotateAxisBack(axes, at, v[k]!, v[k + 1]!, v[k + 2]!, v[k + 3]!);
  }

  /** A two-qubit gate that comes after the frames becomes the one before them, in place: `K+ matrix K`. */
  pullMatrix(first: number, second: number, matrix: Float64Array): void {
    if (this.#moved[first] === 0 && this.#moved[second] === 0) return;
    kronecker(this.#write(first, firstScratch), this.#write(second, secondScratch), local);
    multiply4(matrix, local, product);
    multiplyAdjoint(local, product, matrix);
  }

  #write(wire: number, matrix: Float64Array): Float64Array {
    const v = this.#values;
    const w = v[4 * wire]!;
    const x = v[4 * wire + 1]!;
    const y = v[4 * wire + 2]!;
    const z = v[4 * wire + 3]!;
    matrix[0] = w;
    matrix[1] = -z;
    matrix[2] = -y;
    matrix[3] = -x;
    matrix[4] = y;
    matrix[5] = -x;
    matrix[6] = w;
    matrix[7] = z;
    return matrix;
  }
}

/** `result = a+ b`. */
function multiplyAdjoint(a: Float64Array, b: Float64Array, result: Float64Array): void {
  for (let row = 0; row < 8; row += 2) {
    for (let column = 0; column < 8; column += 2) {
      let re = 0;
      let im = 0;
      for (let k = 0; k < 32; k += 8) {
        const ar = a[k + row]!;
        const ai = a[k + row + 1]!;
        const br = b[k + column]!;
        const bi = b[k + column + 1]!;
        re += ar * br + ai * bi;
        im += ar * bi - ai * br;
      }
      result[4 * row + column] = re;
      result[4 * row + column + 1] = im;
    }
  }
}

/** Rotates the axis at `at` by the inverse of the quaternion `w, x, y, z`, in place. */
export function rotateAxisBack(
  axes: Float64Array,
  at: number,
  w: number,
  x: number,
  y: number,
  z: number,
): void {
  const nx = axes[at]!;
  const ny = axes[at + 1]!;
  const nz = axes[at + 2]!;
  const tx = 2 * (ny * z - nz * y);
  const ty = 2 * (nz * x - nx * z);
  const tz = 2 * (nx * y - ny * x);
  const rx = nx + w * tx + ty * z - tz * y;
  const ry = ny + w * ty + tz * x - tx * z;
  const rz = nz + w * tz + tx * y - ty * x;
  const scale = 1 / Math.sqrt(rx * rx + ry * ry + rz * rz);
  axes[at] = rx * scale;
  axes[at + 1] = ry * scale;
  axes[at + 2] = rz * scale;
}
