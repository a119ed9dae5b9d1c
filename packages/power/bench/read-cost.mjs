// What reading the sensors costs: node bench/read-cost.mjs (after a build). Builds the files of a laptop in a temporary folder and
// reports processor time per complete reading, and per file. Files in a temporary folder stand in for sysfs, whose drivers add
// their own time.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { openPowerSource } from '@qedge/power/node';

const root = mkdtempSync(join(tmpdir(), 'qedge-power-bench-'));
const files = {
  'sys/class/powercap/intel-rapl:0/name': 'package-0',
  'sys/class/powercap/intel-rapl:0/energy_uj': 1,
  'sys/class/powercap/intel-rapl:0/max_energy_range_uj': 262_143_328_850,
  'sys/class/power_supply/BAT0/type': 'Battery',
  'sys/class/power_supply/BAT0/status': 'Discharging',
  'sys/class/power_supply/BAT0/energy_now': 30_000_000,
  'sys/class/power_supply/BAT0/energy_full': 60_000_000,
  'sys/class/power_supply/BAT0/power_now': 9_000_000,
  'sys/class/thermal/thermal_zone0/type': 'x86_pkg_temp',
  'sys/class/thermal/thermal_zone0/temp': 51_000,
  'sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq': 2_400_000,
  'proc/stat': 'cpu  1 2 3 4 5 6 7 8 0 0',
};
for (const [name, content] of Object.entries(files)) {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), `${content}\n`);
}
const PER_BATCH = 100;
const costs = [];
try {
  const { source } = await openPowerSource({ root });
  for (let batch = 0; batch < 100; batch++) {
    const before = process.cpuUsage();
    for (let i = 0; i < PER_BATCH; i++) source.read();
    const { user, system } = process.cpuUsage(before);
    costs.push((user + system) / PER_BATCH);
  }
} finally {
  rmSync(root, { recursive: true, force: true });
}
costs.sort((a, b) => a - b);
const median = costs[costs.length >> 1];
console.log(
  `node ${process.version}: processor time per reading: least ${costs[0].toFixed(0)} µs, median ${median.toFixed(0)} µs`,
);
