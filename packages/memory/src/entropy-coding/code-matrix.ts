import { ADAPTATION, LARGEST_STRETCH, SQUASH, STRETCH } from './logistic-tables.ts';
import type { RangeCoder } from './range-coder.ts';

export interface MatrixGeometry {
  readonly rows: number;
  readonly columns: number;
  readonly lineLength: number;
  readonly lowest: number;
  readonly highest: number;
}
export const PARAM = {
  PA: 2,
  PR: 30,
  LR: 6,
  W0: 20,
  W1: 10,
  LIM: 400,
  MLR: 10,
  SLIM: 250,
  MLIM: 250,
  LIMC: 400,
  PB: 64,
  SW: 40,
  MW: 40,
  SLR: 4,
};
export const STAT = { zero: 0, sign: 0, magnitude: 0, flags: 0, on: false };
const cost = (b: number, p: number) => -Math.log2((b ? p : 65536 - p) / 65536) / 8;

const LQ = 64;
const adapt = (slots: Int32Array, at: number, bit: number, limit: number) => {
  const slot = slots[at]!;
  const count = slot & 1023;
  slots[at] =
    slot +
    (Math.imul(((bit << 22) - (slot >>> 10)) >> 3, ADAPTATION[count]!) & ~1023) +
    (count < limit ? 1 : 0);
};
const slotOf = (p16: number) => p16 << 16;
const clampP = (p: number) => (p < 24 ? 24 : p > 65512 ? 65512 : p);
const squash = (x: number) =>
  SQUASH[(x > LARGEST_STRETCH ? LARGEST_STRETCH : x < -LARGEST_STRETCH ? -LARGEST_STRETCH : x) + 2048]!;

export class MatrixModel {
  constructor(
    readonly coder: RangeCoder,
    readonly g: MatrixGeometry,
    startDensity: number,
  ) {
    const { columns, lineLength, rows } = g;
    this.pad = Math.max(8, lineLength + 2);
    this.row = new Int16Array(this.pad + columns + this.pad);
    this.near = new Int32Array(this.pad + columns + this.pad);
    this.nearRel = new Int32Array(this.pad + columns + this.pad);
    this.dead = new Uint8Array(columns);
    this.count = new Int32Array(columns + 2 * this.pad);
    this.around = new Int32Array(columns + 2 * this.pad);
    this.rel = new Int32Array(columns);
    this.w = new Int32Array(N * SETS).fill(0);
    for (let s = 0; s < SETS; s++)
      for (let i = 0; i < N; i++) this.w[s * N + i] = (i === 0 ? PARAM.W0 : PARAM.W1) * 164;
    this.pd = startDensity;
    this.t2 = new Int32Array(columns);
    this.signCol = new Int32Array(columns + 2 * this.pad);
    this.magCol = new Int32Array(columns + 2 * this.pad);
    this.off = lineLength ? [1, 2, lineLength, lineLength + 1, lineLength - 1] : [1, 2, 3, 4, 5];
  }
  off: number[];
  pad: number;
  row: Int16Array;
  near: Int32Array;
  nearRel: Int32Array;
  dead: Uint8Array;
  count: Int32Array;
  around: Int32Array;
  rel: Int32Array;
  w: Int32Array;
  signCol: Int32Array;
  magCol: Int32Array;
  pd: number;
  total = 0;
  rowsSeen = 0;
  live = 0;
  t1 = new Int32Array(LQ * 32);
  t2: Int32Array;
  t3 = new Int32Array(LQ * 16);
  t4 = new Int32Array(LQ * 16 * 4);
  t5 = new Int32Array(LQ);
  s1 = new Int32Array(81).fill(slotOf(32768));
  s2 = new Int32Array(81 * 3).fill(slotOf(32768));
  s3 = new Int32Array(81 * 9).fill(slotOf(32768));
  sw = new Int32Array(4).fill(PARAM.SW * 164);
  m1 = new Int32Array(144 * 256).fill(slotOf(32768));
  m2 = new Int32Array(144 * 256).fill(slotOf(32768));
  m3 = new Int32Array(144 * 256).fill(slotOf(32768));
  mw = new Int32Array(4 * 144).fill(PARAM.MW * 164);

  begin(): void {
    const { columns, lineLength: w } = this.g;
    this.live = 0;
    for (let c = 0; c < columns; c++) if (!this.dead[c]) this.live++;
    void w;
  }

  codeRow(): void {
    const { columns, lineLength } = this.g;
    const { pad, row, near, nearRel, dead, count, around, rel, w, coder, t1, t2, t3, t4, t5 } = this;
    const [o1, o2, o3, o4, o5] = this.off as [number, number, number, number, number];
    const decoding = coder.decoding;
    // densities of columns
    const xp = this.live ? ((this.total * 256) / this.live) | 0 : 0;
    const nbCount = lineLength ? 8 : 2;
    const den = Math.imul(nbCount, xp + PARAM.PB);
    const den2 = xp + 256 * PARAM.PA;
    for (let c = 0; c < columns; c++) {
      const nr = (Math.imul(around[pad + c]! * 256 + PARAM.PB * nbCount, 256) / den) | 0;
      rel[c] = (((count[pad + c]! * 256 + PARAM.PA * nr) * 1024) / den2) | 0;
    }
    let ex = PARAM.PR * 1024;
    let got = Math.imul(this.pd, PARAM.PR);
    let inRow = 0;
    let rowMag = 0;
    for (let c = 0; c < columns; c++) {
      const at = pad + c;
      const a1 = near[at - o1]!,
        a3 = near[at - o3]!,
        a4 = near[at - o5]!;
      const b1 = nearRel[at - o1]!,
        b3 = nearRel[at - o3]!,
        b4 = nearRel[at - o5]!;
      const nd = lineLength ? (a1 * 3 + a3 * 3 + a4 * 2) >> 3 : a1,
        nrl = lineLength ? (b1 * 3 + b3 * 3 + b4 * 2) >> 3 : b1;
      if (dead[c]) {
        row[at] = 0;
        near[at] = nd - (nd >> 2);
        nearRel[at] = nrl - (nrl >> 2);
        continue;
      }
      const re = rel[c]!;
      const rd = (got / (ex >> 10)) | 0;
      const want = Math.min(60000, Math.max(8, (Math.imul(re, rd) / 1024) | 0));
      const st0 = STRETCH[want >> 4]!;
      const lq = (st0 + 2048) >> 6;
      const l = row[at - o1] !== 0 ? 1 : 0,
        l2 = row[at - o2] !== 0 ? 1 : 0,
        u = row[at - o3] !== 0 ? 1 : 0,
        ul = row[at - o4] !== 0 ? 1 : 0,
        ur = row[at - o5] !== 0 ? 1 : 0;
      const nb = l + l2 + u + ul + ur;
      // local modulation: observed against expected
      const exl = (Math.imul(nrl, rd) / 1024) | 0; // in 16-bit prob units
      const ratio = (((nd + 2000) * 16) / (exl + 2000)) | 0; // 16 = as expected
      const lm =
        ratio < 8
          ? 0
          : ratio < 11
            ? 1
            : ratio < 14
              ? 2
              : ratio < 18
                ? 3
                : ratio < 24
                  ? 4
                  : ratio < 32
                    ? 5
                    : ratio < 48
                      ? 6
                      : ratio < 72
                        ? 7
                        : ratio < 110
                          ? 8
                          : ratio < 160
                            ? 9
                            : 10;
      const c1 = lq * 32 + (l | (l2 << 1) | (u << 2) | (ul << 3) | (ur << 4));
      const k3 = lq * 16 + (inRow > 255 ? 15 : 31 - Math.clz32(inRow + 1));
      const c4 = lq * 16 + lm;
      const init = slotOf(want);
      if (t1[c1] === 0) t1[c1] = init;
      if (t2[c] === 0) t2[c] = init;
      if (t3[k3] === 0) t3[k3] = init;
      if (t4[c4] === 0) t4[c4] = init;
      if (t5[lq] === 0) t5[lq] = init;
      const x1 = STRETCH[t1[c1]! >>> 20]!,
        x2 = STRETCH[t2[c]! >>> 20]!,
        x3 = STRETCH[t3[k3]! >>> 20]!,
        x4 = STRETCH[t4[c4]! >>> 20]!,
        x5 = STRETCH[t5[lq]! >>> 20]!;
      const wm = Math.min(60000, Math.max(8, (want * ratio) >> 4));
      const x6 = STRETCH[wm >> 4]!;
      const ws = N * nb;
      const dot =
        Math.imul(st0, w[ws]!) +
        Math.imul(x1, w[ws + 1]!) +
        Math.imul(x2, w[ws + 2]!) +
        Math.imul(x3, w[ws + 3]!) +
        Math.imul(x4, w[ws + 4]!) +
        Math.imul(x5, w[ws + 5]!) +
        Math.imul(x6, w[ws + 6]!);
      const p = clampP(squash(dot >> 14));
      const bit = coder.code(row[at] !== 0 ? 1 : 0, p);
      if (STAT.on) STAT.zero += cost(bit, p);
      const e = Math.imul((bit << 16) - p, PARAM.LR);
      w[ws] = w[ws]! + ((Math.imul(st0, e >> 4) + 0x8000) >> 16);
      w[ws + 1] = w[ws + 1]! + ((Math.imul(x1, e >> 4) + 0x8000) >> 16);
      w[ws + 2] = w[ws + 2]! + ((Math.imul(x2, e >> 4) + 0x8000) >> 16);
      w[ws + 3] = w[ws + 3]! + ((Math.imul(x3, e >> 4) + 0x8000) >> 16);
      w[ws + 4] = w[ws + 4]! + ((Math.imul(x4, e >> 4) + 0x8000) >> 16);
      w[ws + 5] = w[ws + 5]! + ((Math.imul(x5, e >> 4) + 0x8000) >> 16);
      w[ws + 6] = w[ws + 6]! + ((Math.imul(x6, e >> 4) + 0x8000) >> 16);
      adapt(t1, c1, bit, PARAM.LIM);
      adapt(t2, c, bit, PARAM.LIMC);
      adapt(t3, k3, bit, PARAM.LIM);
      adapt(t4, c4, bit, PARAM.LIM);
      adapt(t5, lq, bit, PARAM.LIM);
      ex += re;
      near[at] = nd - (nd >> 2);
      nearRel[at] = nrl - (nrl >> 2) + (re << 4);
      if (bit) {
        near[at] = near[at]! + 16384;
        got += 65536;
        inRow++;
        const value = this.codeValue(at, c, inRow, rowMag);
        rowMag += Math.abs(value);
        row[at] = value;
      } else if (decoding) row[at] = 0;
    }
    // counts of this row
    for (let c = 0; c < columns; c++) {
      const v = row[pad + c]!;
      if (v === 0) continue;
      const at = pad + c;
      count[at] = count[at]! + 1;
      this.signCol[at] = this.signCol[at]! + (v < 0 ? -1 : 1);
      this.magCol[at] = this.magCol[at]! + (v < 0 ? -v : v);
      around[at - 1] = around[at - 1]! + 1;
      around[at + 1] = around[at + 1]! + 1;
      if (lineLength)
        for (let d = lineLength - 1; d <= lineLength + 1; d++) {
          around[at - d] = around[at - d]! + 1;
          around[at + d] = around[at + d]! + 1;
        }
    }
    this.total += inRow;
    this.rowsSeen++;
    const mean = ((inRow * 65536) / Math.max(1, this.live)) | 0;
    this.pd = ((mean * 50 + this.pd) / 51) | 0;
  }

  codeValue(at: number, c: number, inRow: number, rowMag: number): number {
    const { row, coder, signCol, magCol, count, s1, s2, s3, sw, m1, m2, m3, mw } = this;
    const [o1, , o3, o4, o5] = this.off as [number, number, number, number, number];
    const target = row[at]!;
    const sg = (v: number) => (v < 0 ? 0 : v > 0 ? 2 : 1);
    const L = sg(row[at - o1]!),
      U = sg(row[at - o3]!),
      UL = sg(row[at - o4]!),
      UR = sg(row[at - o5]!);
    const cs = signCol[at]!;
    const csb =
      signCol[at - 1]! + signCol[at + 1]! + (this.g.lineLength ? signCol[at - o3]! + signCol[at + o3]! : 0);
    const q = (v: number, k: number) => (v < -k ? 0 : v > k ? 2 : 1);
    const k1 = L * 3 + U,
      k2 = (q(cs, 1) * 3 + UL) * 3 + UR,
      k3 = ((q(csb, 2) * 3 + q(cs, 2)) * 3 + L) * 3 + U;
    let neg = target < 0 ? 1 : 0;
    {
      const x1 = STRETCH[s1[k1]! >>> 20]!,
        x2 = STRETCH[s2[k2]! >>> 20]!,
        x3 = STRETCH[s3[k3]! >>> 20]!;
      const p = clampP(squash((Math.imul(x1, sw[0]!) + Math.imul(x2, sw[1]!) + Math.imul(x3, sw[2]!)) >> 14));
      neg = coder.code(neg, p);
      if (STAT.on) STAT.sign += cost(neg, p);
      const e = Math.imul((neg << 16) - p, PARAM.SLR) >> 4;
      sw[0] = sw[0]! + ((Math.imul(x1, e) + 0x8000) >> 16);
      sw[1] = sw[1]! + ((Math.imul(x2, e) + 0x8000) >> 16);
      sw[2] = sw[2]! + ((Math.imul(x3, e) + 0x8000) >> 16);
      adapt(s1, k1, neg, PARAM.SLIM);
      adapt(s2, k2, neg, PARAM.SLIM);
      adapt(s3, k3, neg, PARAM.SLIM);
    }
    const top = neg ? -this.g.lowest : this.g.highest;
    const mag = Math.abs(target);
    // contexts of the magnitude
    const lm = Math.abs(row[at - o1]!),
      um = Math.abs(row[at - o3]!),
      nm = lm > um ? lm : um;
    const lev = (sum: number, n: number) => (n === 0 ? 0 : 1 + Math.min(30, level(((sum * 16) / n) | 0)));
    let ms = magCol[at]! * 2,
      mn = count[at]! * 2;
    ms += magCol[at - 1]! + magCol[at + 1]!;
    mn += count[at - 1]! + count[at + 1]!;
    if (this.g.lineLength) {
      ms += magCol[at - o3]! + magCol[at + o3]!;
      mn += count[at - o3]! + count[at + o3]!;
    }
    const a = lev(ms, mn),
      b = lev(rowMag, inRow - 1),
      d = nm === 0 ? 0 : Math.min(7, 32 - Math.clz32(nm) + (nm === 3 ? 1 : 0));
    const top2 = 31 - Math.clz32(top);
    let exponent = 0;
    const wantE = 31 - Math.clz32(mag | 1);
    const node = (n: number, bit: number) => {
      const i1 = n * 256 + a * 8 + d,
        i2 = n * 256 + b * 8 + (count[at]! > 20 ? 3 : count[at]! > 8 ? 2 : count[at]! > 3 ? 1 : 0),
        i3 = n * 256 + (a >> 1) * 16 + (b >> 1);
      const x1 = STRETCH[m1[i1]! >>> 20]!,
        x2 = STRETCH[m2[i2]! >>> 20]!,
        x3 = STRETCH[m3[i3]! >>> 20]!;
      const o = n * 4;
      const p = clampP(
        squash((Math.imul(x1, mw[o]!) + Math.imul(x2, mw[o + 1]!) + Math.imul(x3, mw[o + 2]!)) >> 14),
      );
      const r = coder.code(bit, p);
      if (STAT.on) STAT.magnitude += cost(r, p);
      const e = Math.imul((r << 16) - p, PARAM.MLR) >> 4;
      mw[o] = mw[o]! + ((Math.imul(x1, e) + 0x8000) >> 16);
      mw[o + 1] = mw[o + 1]! + ((Math.imul(x2, e) + 0x8000) >> 16);
      mw[o + 2] = mw[o + 2]! + ((Math.imul(x3, e) + 0x8000) >> 16);
      adapt(m1, i1, r, PARAM.MLIM);
      adapt(m2, i2, r, PARAM.MLIM);
      adapt(m3, i3, r, PARAM.MLIM);
      return r;
    };
    while (exponent < top2 && node(exponent, wantE > exponent ? 1 : 0)) exponent++;
    let m = 1;
    for (let k = exponent - 1; k >= 0; k--) m = (m << 1) | node(8 + m, (mag >> k) & 1);
    const v = neg ? -m : m;
    if (!coder.decoding && v !== target) throw new Error('model');
    return v;
  }
}
const N = 7;
const SETS = 6;
function level(x16: number): number {
  // quarter octaves of x16 / 16
  const e = 31 - Math.clz32(x16);
  const mant = ((x16 << 4) >> e) & 15;
  return Math.max(0, (e - 4) * 4 + (mant >> 2));
}
