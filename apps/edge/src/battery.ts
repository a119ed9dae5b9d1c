import type { BatteryState } from './precision-policy.ts';

/** The part of the Battery Status API (W3C) that is used; not in TypeScript's DOM types. */
interface BatteryManager extends EventTarget {
  readonly level: number;
  readonly charging: boolean;
}

/** Calls `listener` now and whenever the battery changes; once with null where the browser has no Battery Status API. */
export async function watchBattery(listener: (battery: BatteryState | null) => void): Promise<void> {
  const { getBattery } = navigator as { getBattery?: () => Promise<BatteryManager> };
  // It is there but refuses where a permissions policy forbids it.
  const battery = await getBattery?.call(navigator).catch(() => null);
  if (!battery) {
    listener(null);
    return;
  }
  const tell = () => listener({ batteryFraction: battery.level, charging: battery.charging });
  battery.addEventListener('levelchange', tell);
  battery.addEventListener('chargingchange', tell);
  tell();
}
