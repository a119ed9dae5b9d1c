import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { QedgeError, Random } from '@qedge/core';
import {
  allToAllTarget,
  type BackendDescription,
  type CouplingEdge,
  gridTarget,
  heavyHexTarget,
  InstructionFigures,
  lineTarget,
  ringTarget,
  type Target,
  targetFromBackend,
  targetFromCouplingMap,
  targetFromJson,
  workingEdges,
} from '@qedge/quantum';
import { describe, expect, it } from 'vitest';
import { sharedDirectory } from '../shared-data.ts';

const coupling = sharedDirectory('coupling');
const sorted = (edges: readonly CouplingEdge[]) =>
  edges.map(([a, b]) => (a < b ? [a, b] : [b, a])).sort(([a, b], [c, d]) => a! - c! || b! - d!);

describe('presets', () => {
  it.each([
    [27, 28, 12],
    [127, 144, 26],
    [156, 176, 32],
  ])(
    'make the heavy hexagons of %i qubits: %i edges, degrees up to 3, diameter %i',
    (qubits, edges, diameter) => {
      const { couplingEdges, qubitCount } = heavyHexTarget(qubits);
      expect([qubitCount, couplingEdges!.length]).toEqual([qubits, edges]);
      const neighbours = Array.from({ length: qubits }, (): number[] => []);
      for (const [a, b] of couplingEdges!) {
        neighbours[a]!.push(b);
        neighbours[b]!.push(a);
      }
      expect(Math.max(...neighbours.map(({ length }) => length))).toBe(3);
      let farthest = 0;
      for (let start = 0; start < qubits; start++) {
        const distances = new Map([[start, 0]]);
        for (const [qubit, distance] of distances) {
          for (const next of neighbours[qubit]!) if (!distances.has(next)) distances.set(next, distance + 1);
        }
        expect(distances.size).toBe(qubits);
        farthest = Math.max(farthest, ...distances.values());
      }
      expect(farthest).toBe(diameter);
    },
  );

  it('refuse other heavy hexagons', () => {
    expect(() => heavyHexTarget(65)).toThrow(/27, 127, 156, got 65/);
  });

  it.skipIf(coupling === null)('are edge for edge the maps of the machines', () => {
    const machines: readonly (readonly [string, Target])[] = [
      ['heavyhex27_falcon', heavyHexTarget(27)],
      ['heavyhex127_eagle', heavyHexTarget(127)],
      ['heron156_fez', heavyHexTarget(156)],
      ['grid5x5', gridTarget(5, 5)],
      ['grid10x10', gridTarget(10, 10)],
      ['line127', lineTarget(127)],
      ['ring25', ringTarget(25)],
    ];
    for (const [file, target] of machines) {
      const read = targetFromJson(JSON.parse(readFileSync(join(coupling!, `${file}.json`), 'utf8')));
      expect(read.name).toBe(file);
      expect(sorted(target.couplingEdges!)).toEqual(sorted(read.couplingEdges!));
    }
  });
});

describe('targetFromCouplingMap', () => {
  it('reads lists of edges and records', () => {
    expect(
      targetFromCouplingMap([
        [0, 2],
        [2, 1],
      ]),
    ).toEqual({
      name: 'coupling map of 3',
      qubitCount: 3,
      couplingEdges: [
        [0, 2],
        [2, 1],
      ],
      basisGates: ['rz', 'sx', 'x', 'cx'],
    });
    const record = { name: 'ours', numQubits: 5, directed: true, edges: [[0, 1]] as const };
    expect(targetFromCouplingMap(record, { basisGates: ['u', 'cz'] })).toEqual({
      name: 'ours',
      qubitCount: 5,
      couplingEdges: [[0, 1]],
      basisGates: ['u', 'cz'],
      directed: true,
    });
    expect(targetFromCouplingMap([], { qubitCount: 1 }).qubitCount).toBe(1);
  });

  it('reads records as Qiskit writes them, with directions where one is missing', () => {
    const both = {
      num_qubits: 4,
      coupling_map: [
        [0, 1],
        [1, 0],
        [2, 1],
        [1, 2],
      ] as const,
    };
    const edges = [
      [0, 1],
      [1, 2],
    ];
    expect(targetFromCouplingMap(both)).toMatchObject({
      qubitCount: 4,
      couplingEdges: edges,
      directed: false,
    });
    expect(targetFromJson(both)).toEqual(targetFromCouplingMap(both));
    expect(targetFromCouplingMap({ coupling_map: [[1, 0]] })).toMatchObject({
      qubitCount: 2,
      couplingEdges: [[1, 0]],
      directed: true,
    });
  });

  it.each<[string, unknown, RegExp]>([
    ['nothing', null, /a list of pairs of qubits/],
    ['a text', 'line', /a list of pairs of qubits/],
    [
      'a coupling map that is no list',
      { coupling_map: null },
      /"edges" or "coupling_map".*got \[coupling_map\]/,
    ],
    ['a coupling map of texts', { coupling_map: ['ab'] }, /edges between two different qubits/],
    ['a number of qubits that is none', { num_qubits: '3', coupling_map: [[0, 1]] }, /qubitCount an integer/],
    ['a qubit coupled to itself', { coupling_map: [[1, 1]] }, /edges between two different qubits/],
    ['other fields', { nodes: 3 }, /got \[nodes\]/],
    ['no edges and no size', [], /qubitCount an integer >= 1/],
    ['three qubits in an edge', [[0, 1, 2]], /edges between two different qubits/],
    ['an edge of texts', [['0', '1']], /edges between two different qubits/],
    ['an edge with a name in it', [[0, 'a']], /edges between two different qubits/],
    ['half a qubit', [[0, 1.5]], /edges between two different qubits/],
    ['too few qubits', { numQubits: 1, edges: [[0, 1]] }, /edges between two different qubits/],
    ['a direction that is none', { edges: [[0, 1]], directed: 'yes' }, /directed true or false/],
  ])('refuses %s', (_, data, message) => {
    expect(() => targetFromCouplingMap(data as never)).toThrow(message);
  });
});

const BACKEND: BackendDescription = {
  configuration: {
    backend_name: 'three_qubits',
    n_qubits: 3,
    basis_gates: ['id', 'rz', 'sx', 'x', 'cx', 'reset', 'if_else', 'delay'],
    coupling_map: [
      [0, 1],
      [1, 0],
      [1, 2],
      [2, 1],
    ],
    dt: 0.25,
    timing_constraints: { pulse_alignment: 8, acquire_alignment: 16 },
  },
  properties: {
    qubits: [0, 1, 2].map((qubit) => [
      { name: 'T1', unit: 'us', value: 100 + qubit },
      { name: 'T2', unit: 'µs', value: 50 + qubit },
      { name: 'frequency', unit: 'GHz', value: 5 },
      { name: 'readout_error', unit: '', value: 0.01 * (qubit + 1) },
      { name: 'readout_length', unit: 'ns', value: 5200 },
    ]),
    gates: [
      {
        gate: 'sx',
        qubits: [0],
        parameters: [
          { name: 'gate_error', unit: '', value: 2e-4 },
          { name: 'gate_length', unit: 'ns', value: 35.5 },
        ],
      },
      {
        gate: 'cx',
        qubits: [0, 1],
        parameters: [
          { name: 'gate_error', unit: '', value: 7e-3 },
          { name: 'gate_length', unit: 'ns', value: 300 },
        ],
      },
      { gate: 'cx', qubits: [1, 2], parameters: [{ name: 'operational', unit: '', value: 0 }] },
      { gate: 'reset', qubits: [0], parameters: [{ name: 'gate_length', unit: 'us', value: 1 }] },
      { gate: 'unheard_of', qubits: [0], parameters: [] },
    ],
  },
};

describe('targetFromBackend', () => {
  it('reads configuration and properties as Qiskit writes them', () => {
    const target = targetFromBackend(JSON.parse(JSON.stringify(BACKEND)));
    expect(target).toMatchObject({
      name: 'three_qubits',
      qubitCount: 3,
      couplingEdges: [
        [0, 1],
        [1, 2],
      ],
      directed: false,
      basisGates: ['id', 'rz', 'sx', 'x', 'cx'],
      dtSeconds: 0.25e-9,
      alignmentDt: 16,
      faultyEdges: [[1, 2]],
    });
    expect(target.t1Seconds![2]).toBeCloseTo(102e-6, 12);
    expect(target.t2Seconds![0]).toBeCloseTo(50e-6, 12);
    const figures = new InstructionFigures(target);
    expect(figures.errorRate('cx', [0, 1])).toBe(7e-3);
    expect(figures.durationSeconds('sx', [0])).toBeCloseTo(35.5e-9, 18);
    expect(figures.durationSeconds('reset', [0])).toBeCloseTo(1e-6, 15);
    expect(figures.errorRate('measure', [2])).toBeCloseTo(0.03, 12);
    expect(workingEdges(target)).toEqual([[0, 1]]);
    expect(targetFromJson(JSON.parse(JSON.stringify(target)))).toEqual(target);
    expect(targetFromJson(BACKEND)).toEqual(target);
  });

  it('keeps directions where one is missing, and does without properties', () => {
    const target = targetFromJson({
      ...BACKEND.configuration,
      coupling_map: [
        [1, 0],
        [1, 2],
        [2, 1],
      ],
    });
    expect(target).toMatchObject({
      directed: true,
      couplingEdges: [
        [1, 0],
        [1, 2],
        [2, 1],
      ],
    });
    expect(target.instructionProperties).toBeUndefined();
    const { configuration } = BACKEND;
    expect(
      targetFromBackend({ configuration: { ...configuration, coupling_map: null } }).couplingEdges,
    ).toBeNull();
  });

  it('knows qubits that do not work', () => {
    const dead = { name: 'operational', unit: '', value: 0 };
    const { configuration, properties } = BACKEND;
    const qubits = properties!.qubits.map((figures, qubit) => (qubit === 1 ? [...figures, dead] : figures));
    const target = targetFromBackend({ configuration, properties: { ...properties!, qubits } });
    expect(target.faultyQubits).toEqual([1]);
    expect(workingEdges(target)).toEqual([]);
    expect(workingEdges({ ...allToAllTarget(4), faultyQubits: [1], faultyEdges: [[3, 2]] })).toEqual([
      [0, 2],
      [0, 3],
    ]);
  });

  it.each<[string, unknown, RegExp]>([
    ['no configuration', { configuration: null }, /a configuration/],
    ['no name', { configuration: { n_qubits: 1 } }, /backend_name a text/],
    ['no qubits', { configuration: { backend_name: 'a' } }, /n_qubits an integer/],
    ['no basis', { configuration: { backend_name: 'a', n_qubits: 1 } }, /basis_gates a list/],
    ['an unknown gate', { configuration: { ...BACKEND.configuration, basis_gates: ['magic'] } }, /got magic/],
    ['other qubits than it has', { ...BACKEND, properties: { qubits: [], gates: [] } }, /each of 3 qubits/],
    [
      'gates that are none',
      { ...BACKEND, properties: { ...BACKEND.properties, gates: [{}] } },
      /gate, qubits and parameters/,
    ],
    [
      'an unknown unit',
      {
        ...BACKEND,
        properties: { ...BACKEND.properties, qubits: [[{ name: 'T1', unit: 'days', value: 1 }], [], []] },
      },
      /T1 in s, ms/,
    ],
  ])('refuses %s', (_, description, message) => {
    expect(() => targetFromBackend(description as BackendDescription)).toThrow(message);
  });
});

/** Every place in a JSON value. */
function places(value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, inner]) => places(inner, [...path, key]))];
}

describe('targetFromJson', () => {
  it('takes damaged descriptions or refuses them by name', () => {
    const random = new Random(7);
    const hostile = [
      null,
      -1,
      0.5,
      1e300,
      Number.NaN,
      'x',
      '',
      true,
      [],
      {},
      [[0]],
      [[0, 1, 2]],
      [null],
      1e9,
      '__proto__',
    ];
    const sources: readonly object[] = [
      BACKEND,
      {
        ...lineTarget(3),
        t1Seconds: [1, 1, 1],
        faultyEdges: [[0, 1]],
        instructionProperties: [{ instruction: 'cx', qubits: [0, 1], errorRate: 0.1 }],
      },
      {
        name: 'ours',
        numQubits: 5,
        directed: true,
        edges: [
          [0, 1],
          [1, 2],
        ],
      },
    ];
    let refused = 0;
    for (let round = 0; round < 1500; round++) {
      const damaged = structuredClone(sources[round % 3]!) as Record<string, unknown>;
      const all = places(damaged);
      const path = all[1 + random.integer(all.length - 1)]!;
      let holder = damaged;
      for (const key of path.slice(0, -1)) holder = holder[key] as Record<string, unknown>;
      const removes = random.integer(4) === 0;
      if (removes && Array.isArray(holder)) holder.splice(Number(path.at(-1)), 1);
      else if (removes) delete holder[path.at(-1)!];
      else holder[path.at(-1)!] = hostile[random.integer(hostile.length)];
      try {
        const target = targetFromJson(damaged);
        new InstructionFigures(target).errorRate('cx', [0, 1]);
        workingEdges(target);
      } catch (error) {
        expect(error).toBeInstanceOf(QedgeError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(500);
  });
});

describe('checks of a target', () => {
  const good = lineTarget(3);
  it.each<[string, object, RegExp]>([
    ['a time step of 0', { dtSeconds: 0 }, /dtSeconds a time > 0/],
    ['half an alignment', { alignmentDt: 0.5 }, /alignmentDt an integer/],
    ['a faulty qubit that is not there', { faultyQubits: [3] }, /faultyQubits/],
    ['a faulty edge that is none', { faultyEdges: [[0, 0]] }, /two different qubits/],
  ])('refuse %s', (_, field, message) => {
    expect(() => targetFromJson({ ...good, ...field })).toThrow(message);
  });
});

describe('InstructionFigures', () => {
  it('finds exact entries before general ones, in any order of qubits where the gate allows it', () => {
    const figures = new InstructionFigures({
      ...lineTarget(3),
      instructionProperties: [
        { instruction: 'cx', errorRate: 0.1 },
        { instruction: 'cx', qubits: [0, 1], errorRate: 0.2 },
        { instruction: 'cx', qubits: [0, 1], errorRate: 0.3, durationSeconds: 1 },
        { instruction: 'cz', qubits: [2, 1], errorRate: 0.4 },
      ],
    });
    expect(figures.errorRate('cx', [0, 1])).toBe(0.2);
    expect(figures.errorRate('cx', [1, 0])).toBe(0.1);
    expect(figures.durationSeconds('cx', [0, 1])).toBe(1);
    expect(figures.durationSeconds('cx', [1, 0])).toBeUndefined();
    expect(figures.errorRate('cz', [1, 2])).toBe(0.4);
    expect(figures.errorRate('cz', [0, 1])).toBeUndefined();
  });
});
