import { LoomError } from '../ports/loom-error.ts';

/** A setting that is a whole number within its limits; INVALID_DEFINITION names one that is not. */
export function limit(option: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new LoomError(
    'INVALID_DEFINITION',
    `${option} is ${value}; it may be a whole number from ${least} to ${most}`,
    { details: { option } },
  );
}
