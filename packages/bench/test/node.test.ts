import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readCpuFeatures } from '../src/describe-machine.ts';
import type { BenchmarkRecord } from '../src/index.ts';
import { appendHistory, describeMachine, readHistory } from '../src/node.ts';

// Once: the load average moves from call to call.
const machine = describeMachine();
const record = (value: number): BenchmarkRecord => ({
  format: 'qedge-benchmark-record',
  version: 1,
  name: 'digits',
  timestampMs: 1_700_000_000_000 + value,
  machine,
  versions: { qedge: '0.1.0' },
  metrics: [{ name: 'p50', unit: 'ms', value, better: 'lower', samples: [value, value] }],
});

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qedge-bench-'));
  path = join(folder, 'history.jsonl');
});
afterEach(() => rm(folder, { recursive: true }));

describe('the history file', () => {
  it('gives back what was appended, in order', async () => {
    expect(await readHistory(path)).toEqual({ records: [], truncated: null });
    for (const value of [1, 2, 3]) await appendHistory(path, record(value));
    const { records, truncated } = await readHistory(path);
    expect(records.map(({ metrics }) => metrics[0]!.value)).toEqual([1, 2, 3]);
    expect(records[0]).toEqual(record(1));
    expect(truncated).toBeNull();
  });

  it('reads past a last line that was cut short anywhere, says where, and the next append repairs it', async () => {
    await appendHistory(path, record(1));
    const line = `${JSON.stringify(record(2))}\n`;
    for (const cut of [1, 20, line.length - 2]) {
      await writeFile(path, `${JSON.stringify(record(1))}\n`);
      await appendFile(path, line.slice(0, cut));
      const { records, truncated } = await readHistory(path);
      expect(records).toHaveLength(1);
      expect(truncated).toBe(`${path}:2 is incomplete (${cut} characters) and was left out`);
      await appendHistory(path, record(3));
      const repaired = await readHistory(path);
      expect(repaired.records.map(({ metrics }) => metrics[0]!.value)).toEqual([1, 3]);
      expect(repaired.truncated).toBeNull();
    }
  });

  it('does not throw away a whole last record that only lacks its line break', async () => {
    await writeFile(path, JSON.stringify(record(1)));
    expect((await readHistory(path)).records).toHaveLength(1);
    await appendHistory(path, record(2));
    expect((await readHistory(path)).records.map(({ metrics }) => metrics[0]!.value)).toEqual([1, 2]);
  });

  it('names the line that is damaged', async () => {
    await writeFile(path, `${JSON.stringify(record(1))}\nnot json\n${JSON.stringify(record(2))}\n`);
    await expect(readHistory(path)).rejects.toMatchObject({
      code: 'FILE_FORMAT',
      message: expect.stringContaining(`${path}:2 is not JSON`),
    });
  });

  it.each<[string, object, RegExp]>([
    ['another format', { format: 'x' }, /expected format "qedge-benchmark-record", got x/],
    ['a newer version', { version: 2 }, /expected version 1, got 2/],
    ['no metrics', { metrics: undefined }, /a list of metrics/],
    [
      'a value that is not a number',
      { metrics: [{ name: 'a', unit: 'ms', value: null, better: 'lower' }] },
      /"a"/,
    ],
    ['no direction', { metrics: [{ name: 'a', unit: 'ms', value: 1 }] }, /"lower" or "higher"/],
    ['no machine', { machine: undefined }, /a machine with a cpuModel/],
  ])('refuses a record with %s, when reading and when writing', async (_what, change, message) => {
    const broken = { ...record(1), ...change } as BenchmarkRecord;
    await expect(appendHistory(path, broken)).rejects.toThrow(message);
    await expect(readFile(path)).rejects.toMatchObject({ code: 'ENOENT' });
    await writeFile(path, `${JSON.stringify(broken)}\n`);
    await expect(readHistory(path)).rejects.toThrow(message);
  });

  it('refuses two metrics of one name', async () => {
    const twice = { ...record(1), metrics: [...record(1).metrics, ...record(1).metrics] };
    await expect(appendHistory(path, twice)).rejects.toThrow('unique names');
  });
});

describe('describeMachine', () => {
  it('is plain data about this machine', () => {
    const machine = describeMachine();
    expect(JSON.parse(JSON.stringify(machine))).toEqual(machine);
    expect(machine.cpuModel).not.toBe('');
    expect(machine.logicalCores).toBeGreaterThanOrEqual(1);
    expect(machine.memoryBytes).toBeGreaterThan(1e6);
    expect(machine.runtime).toContain(process.versions.node);
    expect(machine.operatingSystem).toContain(process.platform);
  });

  it.each([
    [
      'x86',
      'processor\t: 0\nflags\t\t: fpu avx avx2 fma avx512f avx512_vnni\n',
      ['avx', 'avx2', 'fma', 'avx512f', 'avx512_vnni'],
    ],
    ['Arm', 'processor\t: 0\nFeatures\t: fp asimd asimddp i8mm\n', ['asimd', 'asimddp', 'i8mm']],
    ['neither', 'hart : 0\n', []],
  ])('reads the instruction sets of %s', async (_architecture, text, features) => {
    const file = join(folder, 'cpuinfo');
    await writeFile(file, text);
    expect(readCpuFeatures(file)).toEqual(features);
  });

  it('knows no instruction sets where the system does not tell', () => {
    expect(readCpuFeatures(join(folder, 'missing'))).toEqual([]);
  });
});
