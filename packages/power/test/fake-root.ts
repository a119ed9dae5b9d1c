import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A folder that stands for `/`, with real files in it. */
export class FakeRoot {
  readonly path = mkdtempSync(join(tmpdir(), 'qedge-power-'));

  write(files: Record<string, string | number>): this {
    for (const [name, content] of Object.entries(files)) {
      const path = join(this.path, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, `${content}\n`);
    }
    return this;
  }

  /** A file whose reading fails with EIO, as that of a sensor that does not answer: a process cannot read its own address 0. */
  breakReading(name: string): this {
    this.remove(name);
    symlinkSync('/proc/self/mem', join(this.path, name));
    return this;
  }

  /** Whether {@link unplug} works here: root may make devices, but not in every container. */
  static canUnplug(): boolean {
    const root = new FakeRoot();
    try {
      root.unplug('device');
      return true;
    } catch {
      return false;
    } finally {
      root.dispose();
    }
  }

  /** A file whose device is gone (ENODEV): a character device that no driver owns. */
  unplug(name: string): this {
    this.remove(name);
    execFileSync('mknod', [join(this.path, name), 'c', '10', '250'], { stdio: 'ignore' });
    return this;
  }

  /** Runs something as a user who may not read `name`, whoever runs the tests. */
  denied<T>(name: string, work: () => T): T {
    chmodSync(this.path, 0o755);
    chmodSync(join(this.path, name), 0);
    const root = process.geteuid?.() === 0;
    if (root) process.seteuid?.(65534);
    try {
      return work();
    } finally {
      if (root) process.seteuid?.(0);
      chmodSync(join(this.path, name), 0o644);
    }
  }

  remove(name: string): this {
    rmSync(join(this.path, name), { recursive: true, force: true });
    return this;
  }

  dispose(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

const RAPL = 'sys/class/powercap';

/** The energy counter of one processor package with the cores inside it, a memory-mapped twin and the whole platform. */
export function laptopWithRapl(energyMicrojoules: number, rangeMicrojoules = 262_143_328_850) {
  return {
    [`${RAPL}/intel-rapl:0/name`]: 'package-0',
    [`${RAPL}/intel-rapl:0/energy_uj`]: energyMicrojoules,
    [`${RAPL}/intel-rapl:0/max_energy_range_uj`]: rangeMicrojoules,
    [`${RAPL}/intel-rapl:0:0/name`]: 'core',
    [`${RAPL}/intel-rapl:0:0/energy_uj`]: 900_000_000,
    [`${RAPL}/intel-rapl:1/name`]: 'psys',
    [`${RAPL}/intel-rapl:1/energy_uj`]: 5_000_000,
    [`${RAPL}/intel-rapl:1/max_energy_range_uj`]: rangeMicrojoules,
    [`${RAPL}/intel-rapl-mmio:0/name`]: 'package-0',
    [`${RAPL}/intel-rapl-mmio:0/energy_uj`]: 77,
    [`${RAPL}/intel-rapl-mmio:0/max_energy_range_uj`]: rangeMicrojoules,
  };
}
