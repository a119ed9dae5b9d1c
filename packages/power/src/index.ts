export {
  type AdaptivePrecisionConfig,
  AdaptivePrecisionController,
  DEFAULT_BATTERY_STEPS,
  DEFAULT_TEMPERATURE_STEPS,
  type PrecisionCandidate,
  type PrecisionDecision,
} from './adaptive-precision-controller.ts';
export { type CpuTime, EnergyMeter, type EnergyMeterOptions, type MeteredWork } from './energy-meter.ts';
export { estimateInferenceEnergy, PICOJOULES_PER_DRAM_BYTE, PICOJOULES_PER_MAC } from './inference-energy.ts';
export {
  ASSUMED_WATTS_PER_LOGICAL_CPU,
  assumedLoadModel,
  type CalibrationPoint,
  calibratedLoadModel,
  LOAD_EXPONENT,
  type LoadModel,
  powerAtLoad,
} from './load-model.ts';
export { type ModelledPowerOptions, modelledPowerSource } from './modelled-power-source.ts';
export type { PowerSource } from './power-source.ts';
export { commuteTrace, type PowerTrace, type PowerTracePoint, tracePowerSource } from './power-trace.ts';
export type { BatteryStep, TemperatureStep } from './precision-limit.ts';
