import { join } from 'node:path';
import type { Capability, PowerFigure, PowerSupply } from '@qedge/core';
import { describeFailure, listFolder, readInteger, readText, valueOrNull } from './sensor-file.ts';

/** What the power supplies say. */
export interface BatteryReading {
  readonly supply: PowerSupply;
  /** Of all batteries together, 0..1. */
  readonly batteryFraction: number | null;
  /** What the batteries deliver while they discharge: the draw of the whole device. Null otherwise. */
  readonly power: PowerFigure | null;
}

/** Fuel gauges average over a second or more and are rarely calibrated. */
const GAUGE_ERROR = 0.1;

/** Batteries and chargers under `/sys/class/power_supply`, in micro-volts, -amperes, -watts and -watt-hours. */
export class PowerSupplies {
  readonly #folder: string;

  constructor(root: string) {
    this.#folder = join(root, 'sys/class/power_supply');
  }

  /** Whether there is a system battery with a readable charge. */
  capability(): Capability {
    const { batteries } = this.#find();
    if (batteries.length === 0) {
      return {
        name: 'battery',
        available: false,
        reason: `${this.#folder} lists no system battery`,
        remedy: null,
      };
    }
    const unreadable = batteries.find((path) => chargeOf(path) === null);
    if (unreadable === undefined) {
      return {
        name: 'battery',
        available: true,
        reason: `${batteries.length} in ${this.#folder}`,
        remedy: null,
      };
    }
    const capacity = readInteger(join(unreadable, 'capacity'));
    const reason = capacity.ok
      ? `${unreadable}/capacity is ${capacity.value}, outside 0..100`
      : describeFailure(capacity.failure);
    const denied = !capacity.ok && capacity.failure.code === 'EACCES';
    return {
      name: 'battery',
      available: false,
      reason,
      remedy: denied ? `sudo chmod a+r ${unreadable}/capacity` : null,
    };
  }

  read(): BatteryReading {
    const { batteries, chargers } = this.#find();
    const charges = batteries.map(chargeOf);
    const statuses = batteries.map((path) => valueOrNull(readText(join(path, 'status'))));
    const online = chargers.some((path) => (valueOrNull(readInteger(join(path, 'online'))) ?? 0) > 0);
    const discharging = statuses.some((status) => status === 'Discharging');
    const fed =
      online || statuses.some((status) => ['Charging', 'Full', 'Not charging'].includes(status ?? ''));
    return {
      supply: discharging && !online ? 'battery' : fed ? 'mains' : 'unknown',
      batteryFraction: combinedCharge(charges),
      power: discharging ? drawOf(batteries) : null,
    };
  }

  /** System batteries and chargers; batteries of mice, pens and phones (`scope` is `Device`) do not feed this machine. */
  #find(): { batteries: string[]; chargers: string[] } {
    const batteries: string[] = [];
    const chargers: string[] = [];
    for (const entry of listFolder(this.#folder)) {
      const path = join(this.#folder, entry);
      if (valueOrNull(readText(join(path, 'scope'))) === 'Device') continue;
      const type = valueOrNull(readText(join(path, 'type')));
      if (type === 'Battery') batteries.push(path);
      else if (type === 'Mains' || type === 'USB' || type === 'Wireless') chargers.push(path);
    }
    return { batteries, chargers };
  }
}

/** Charge with the weight it has among several batteries. */
interface Charge {
  readonly fraction: number;
  /** Full energy or charge of the battery; 1 when only percentages are known. */
  readonly weight: number;
}

function chargeOf(path: string): Charge | null {
  for (const unit of ['energy', 'charge']) {
    const now = valueOrNull(readInteger(join(path, `${unit}_now`)));
    const full = valueOrNull(readInteger(join(path, `${unit}_full`)));
    // A worn battery may report a little more than full.
    if (now !== null && now >= 0 && full !== null && full > 0)
      return { fraction: Math.min(1, now / full), weight: full };
  }
  const percent = valueOrNull(readInteger(join(path, 'capacity')));
  return percent !== null && percent >= 0 && percent <= 100 ? { fraction: percent / 100, weight: 1 } : null;
}

/** Null when any battery is unreadable: the sum would be wrong. */
function combinedCharge(charges: readonly (Charge | null)[]): number | null {
  let weighted = 0;
  let weight = 0;
  for (const charge of charges) {
    if (charge === null) return null;
    weighted += charge.fraction * charge.weight;
    weight += charge.weight;
  }
  return weight > 0 ? weighted / weight : null;
}

/** The discharge of all batteries; null when any of them does not tell. Drivers differ in the sign, so it is dropped. */
function drawOf(batteries: readonly string[]): PowerFigure | null {
  let watts = 0;
  for (const path of batteries) {
    const draw = microwattsOf(path);
    if (draw === null) return null;
    watts += draw * 1e-6;
  }
  const method = 'battery fuel gauge, the whole device';
  return { watts, provenance: 'measured', relativeError: GAUGE_ERROR, method };
}

function microwattsOf(path: string): number | null {
  const power = valueOrNull(readInteger(join(path, 'power_now')));
  if (power !== null) return Math.abs(power);
  const volts = valueOrNull(readInteger(join(path, 'voltage_now')));
  const amperes = valueOrNull(readInteger(join(path, 'current_now')));
  return volts === null || amperes === null ? null : Math.abs(volts * amperes) * 1e-6;
}
