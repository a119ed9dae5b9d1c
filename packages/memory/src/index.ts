export { type ArenaOptions, type ArenaPlan, type BufferLifetime, planArena } from './arena-plan.ts';
