export { asyncSpanContext } from './async-span-context.ts';
export { createProfilers, type ProfilerOptions, type Profilers } from './create-profilers.ts';
export type { MonitorSnapshot, MonitorTick } from './monitor-feed.ts';
export type { PowerReader } from './profilers/energy-profiler.ts';
export { type MonitorServer, type ServeMonitorOptions, serveMonitor } from './serve-monitor.ts';
