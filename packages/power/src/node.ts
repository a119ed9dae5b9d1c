export { type OpenPowerSourceOptions, openPowerSource, processCpuTime } from './open-power-source.ts';
