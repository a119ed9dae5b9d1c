import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { describeCpu } from '../src/native/cpu-features.ts';
import { ExecutableMemory } from '../src/native/executable-memory.ts';
import { missingMachineCode } from './host-features.ts';

const missing = missingMachineCode();
if (missing) console.warn(`SKIPPED: CPU features. ${missing}`);

describe.skipIf(missing !== '')('the description of the processor', () => {
  const cpuinfo = () => {
    const lines = readFileSync('/proc/cpuinfo', 'utf8').split('\n\n', 1)[0]!.split('\n');
    return Object.fromEntries(lines.map((line) => line.split(':').map((part) => part.trim())));
  };
  const describe = () => {
    using memory = new ExecutableMemory();
    return describeCpu(memory);
  };

  it('has the features that the kernel lists, and no others', () => {
    const flags = new Set(String(cpuinfo().flags).split(' '));
    expect(describe().features).toEqual({
      avx2: flags.has('avx2'),
      fma: flags.has('fma'),
      f16c: flags.has('f16c'),
      avxVnni: flags.has('avx_vnni'),
      avx512f: flags.has('avx512f'),
      avx512bw: flags.has('avx512bw'),
      avx512dq: flags.has('avx512dq'),
      avx512vl: flags.has('avx512vl'),
      avx512Vnni: flags.has('avx512_vnni'),
      avx512Bf16: flags.has('avx512_bf16'),
      prefetchw: flags.has('3dnowprefetch'),
      bmi2: flags.has('bmi2'),
    });
  });

  it('has the vendor and the brand that the kernel shows', () => {
    const { vendor, brand } = describe();
    expect({ vendor, brand }).toEqual({ vendor: cpuinfo().vendor_id, brand: cpuinfo()['model name'] });
  });

  it('has the caches that the kernel shows', () => {
    const folder = '/sys/devices/system/cpu/cpu0/cache';
    const read = (index: number, name: string) =>
      readFileSync(`${folder}/index${index}/${name}`, 'utf8').trim();
    const { caches } = describe();
    expect(caches.length).toBeGreaterThan(0);
    caches.forEach(({ level, kind, byteLength, lineBytes, ways }, index) => {
      expect({ level, kind, byteLength, lineBytes, ways }).toEqual({
        level: Number(read(index, 'level')),
        kind: read(index, 'type').toLowerCase(),
        byteLength: Number.parseInt(read(index, 'size'), 10) * 1024,
        lineBytes: Number(read(index, 'coherency_line_size')),
        ways: Number(read(index, 'ways_of_associativity')),
      });
    });
  });
});
