import { LoomError } from '../ports/loom-error.ts';
import { quote } from './quote.ts';

/** Durations as people write them. A number without a unit is refused: half of its readers would guess wrong. */
const durationForms = '500ms, 2s, 1.5m or 1h';

const pattern = /^(\d{1,12}(?:\.\d{1,6})?) ?(ms|s|m|h)$/;
const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Milliseconds, rounded; INVALID_OPTION naming `option` and the forms taken when `text` is no duration. */
export function parseDuration(text: string, option: string): number {
  const match = pattern.exec(text.trim());
  const factorMs = unitMs[match?.[2] ?? ''];
  const ms = match === null || factorMs === undefined ? Number.NaN : Math.round(Number(match[1]) * factorMs);
  if (Number.isSafeInteger(ms)) return ms;
  throw new LoomError(
    'INVALID_OPTION',
    `${option} is ${quote(text)}, which is not a duration; write ${durationForms}`,
    { details: { option, value: text } },
  );
}

/** Milliseconds for people: `740 ms`, `2.5 s`, `3 min 20 s`, `1 h 5 min`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1_000;
  if (seconds < 59.95) return `${Number(seconds.toFixed(1))} s`;
  const wholeSeconds = Math.round(seconds);
  if (wholeSeconds < 3_600) return pair(Math.floor(wholeSeconds / 60), 'min', wholeSeconds % 60, 's');
  const minutes = Math.round(seconds / 60);
  return pair(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}
