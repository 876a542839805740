/**
 * Epochs and fencing tokens are drawn from one counter: `generation * 2^40 + index`. They fit a float64 exactly up to
 * generation 8191, and a registry opened with a raised generation gives only numbers above all earlier ones.
 */
const indexesPerGeneration: number = 2 ** 40;
const maxGeneration: number = 2 ** 13 - 1;

export function numberOf(generation: number, index: number): number {
  return generation * indexesPerGeneration + index;
}

export function indexOf(number: number): number {
  return number % indexesPerGeneration;
}

export function isGeneration(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= maxGeneration;
}
