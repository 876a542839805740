import type { SimulationOptions } from './simulation.ts';

/** One seed to run. */
export interface SeedOrder extends SimulationOptions {
  /** Runs it again and compares the hashes. */
  readonly twice: boolean;
}
