import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Assembler } from '../src/x64/assembler.ts';
import { enabledFeatures } from '../src/x64/features.ts';
import { BundledProject } from './bundled-project.ts';
import { operationCases } from './operation-cases.ts';
import { findCodeFaults } from './x64-code-faults.ts';
import { Disassembler, encodeAgain } from './x64-disassembly.ts';
import { ALL_FEATURES, openX64Machine, x64Profiles } from './x64-machine.ts';
import { findNoticed } from './x64-mutant-run.ts';
import { changedRow, withMutation, type X64Mutation } from './x64-mutation.ts';
import { X64_MUTATIONS } from './x64-mutations.ts';
import {
  emitRow,
  isMemoryOnly,
  isRegisterOnly,
  type Operands,
  PLAIN,
  place,
  ROWS,
  type Row,
} from './x64-rows.ts';

// Do the tests of the x86-64 targets notice a broken encoder? Each mutation is one plausible mistake, with the check that finds it.

const withTitle = (mutations: readonly X64Mutation[]) =>
  mutations.map((mutation) => [mutation.name, mutation] as const);

describe('the analysis of generated code', () => {
  const mutations = X64_MUTATIONS.filter(({ fault }) => fault !== undefined);

  it.each(withTitle(mutations))('notices that %s', (_name, mutation) => {
    const profile = x64Profiles(ALL_FEATURES).find(({ name }) => name === mutation.profile)!;
    const features = mutation.profile.startsWith('avx2')
      ? { ...profile.features, avx512f: false, avx512vl: false }
      : profile.features;
    const cases = operationCases(profile.createTarget().traits);
    expect(mutation.cases.length).toBeGreaterThan(0);
    for (const name of mutation.cases) {
      const { program } = cases.find((entry) => entry.name === name)!;
      expect(findCodeFaults(program(profile.createTarget()), features)).toEqual([]);
      const code = withMutation(mutation, () => program(profile.createTarget()));
      expect(findCodeFaults(code, features).join('; ')).toContain(mutation.fault);
    }
  });
});

const machine = openX64Machine();
const ran = X64_MUTATIONS.filter(({ fault, profile }) => {
  return (
    fault === undefined &&
    machine !== null &&
    x64Profiles(machine.features).some(({ name }) => name === profile)
  );
});

describe.skipIf(machine === null)('the operation tests', () => {
  const project = new BundledProject();
  beforeAll(() => project.build({ mutants: 'test/x64-mutant-run.ts' }));
  afterAll(() => project.remove());

  it('pass without a mutation', () => {
    for (const profile of new Set(ran.map((mutation) => mutation.profile))) {
      const names = ran.filter((mutation) => mutation.profile === profile).flatMap(({ cases }) => cases);
      expect(findNoticed(machine!, profile, null, names)).toEqual([]);
    }
  });

  it.each(withTitle(ran.filter(({ mayCrash }) => !mayCrash)))('notice that %s', (_name, mutation) => {
    expect(mutation.cases.length).toBeGreaterThan(0);
    const noticed = findNoticed(machine!, mutation.profile, mutation, mutation.cases);
    expect(noticed.sort()).toEqual([...mutation.cases].sort());
  });

  it.each(withTitle(ran.filter(({ mayCrash }) => mayCrash)))('notice that %s', async (name, mutation) => {
    const text = JSON.stringify(name);
    const end = await project.run(`import { printNoticed } from './mutants.mjs'; printNoticed(${text});`);
    // A process that died noticed it, too.
    if (end.signal !== null) return;
    expect(end.complaints).toBe('');
    expect((JSON.parse(end.output) as string[]).sort()).toEqual([...mutation.cases].sort());
  });
});

/** Every field of a row with one thing wrong. */
function mutatedRows(row: Row): (readonly [string, Row])[] {
  const changes: [string, Parameters<typeof changedRow>[1]][] = [
    ...Array.from(
      { length: 8 },
      (_, bit) => [`opcode bit ${bit}`, { opcode: row.opcode ^ (1 << bit) }] as const,
    ),
    ...[0, 1, 2, 3]
      .filter((prefix) => prefix !== row.prefix)
      .map((prefix) => [`prefix ${prefix}`, { prefix }] as const),
    ...[1, 2, 3].filter((map) => map !== row.map).map((map) => [`map ${map}`, { map }] as const),
    ['W', { w: 1 - row.w, vexW: 1 - row.vexW }],
    ...(row.form === 'VMI' ? [['digit', { digit: (row.digit + 2) % 8 }] as const] : []),
    ...(row.hasEvex && !isRegisterOnly(row)
      ? [
          ['unit doubled', { memoryBytes: (...a: [never, never]) => 2 * row.memoryBytes(...a) }] as const,
          ['unit halved', { memoryBytes: (...a: [never, never]) => row.memoryBytes(...a) / 2 }] as const,
        ]
      : []),
  ].map(([name, fields]) => [name, fields] as [string, Parameters<typeof changedRow>[1]]);
  return changes.map(([name, fields]) => [name, changedRow(row as never, fields) as unknown as Row]);
}

/** A few operands of every kind that a row takes. */
function someOperands(row: Row): Operands[] {
  const at = isRegisterOnly(row) ? null : place(3, null, 1, 128);
  const lengths = ([16, 32, 64] as const).filter((length) => (row.lengths & length) !== 0);
  return lengths.flatMap((length) => {
    const low: Operands = { ...PLAIN, length, registers: [1, 2, 3], place: at, immediate: 5 };
    const forms = isMemoryOnly(row) || at === null ? [low] : [low, { ...low, place: null }];
    return row.hasEvex
      ? forms.flatMap((form) => [form, { ...form, registers: [17, 18, 19] as const }])
      : forms;
  });
}

/** Whether the comparison with the independent tool tells the two rows apart. */
function isNoticed(row: Row, mutant: Row, operands: Operands): boolean {
  const [right, wrong] = [row, mutant].map((each) => {
    const assembler = new Assembler(enabledFeatures(ALL_FEATURES));
    const text = emitRow(assembler, each, operands);
    return { text, code: assembler.finish() };
  }) as [{ text: string }, { text: string; code: Uint8Array }];
  const [decoded] = new Disassembler().decode(wrong.code);
  if (decoded!.text !== right.text || decoded!.byteLength !== wrong.code.length) return true;
  return Buffer.compare(encodeAgain(wrong.code), wrong.code) !== 0;
}

/** W means nothing here but the width of a general register, and these rows take memory. */
const EQUIVALENT = ['vpinsrb: W', 'vpinsrw: W', 'vpextrb: W', 'vpextrw: W'];

describe('the comparison with a disassembler', () => {
  it('notices every wrong bit, prefix, map, W, digit and unit in every row', () => {
    const unnoticed: string[] = [];
    let count = 0;
    for (const row of ROWS) {
      for (const [change, mutant] of mutatedRows(row)) {
        const isFound = someOperands(row).some((operands) => isNoticed(row, mutant, operands));
        if (!isFound) unnoticed.push(`${row.name}: ${change}`);
        count++;
      }
    }
    expect(unnoticed).toEqual(EQUIVALENT);
    expect(count).toBeGreaterThan(ROWS.length * 14);
  });
});
