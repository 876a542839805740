import { z } from 'zod';
import { type CloudCount, readCloudCounts } from './cloud-counts.ts';
import { type CountRange, readCount } from './count.ts';
import { formatBytes, readBytes } from './size.ts';

// What flags, variables and files may hold. Each message goes on from "<name> is <value>, which …".

/** A size in bytes, within both bounds. */
export function sizeBetween(min: number, max: number): z.ZodType<number> {
  return z.union([z.string(), z.number()], { error: 'is not a size' }).transform((raw, context) => {
    const read = readBytes(String(raw));
    const problem =
      'problem' in read
        ? read.problem
        : read.bytes < min || read.bytes > max
          ? `is not between ${formatBytes(min)} and ${formatBytes(max)}`
          : undefined;
    if ('bytes' in read && problem === undefined) return read.bytes;
    context.addIssue({ code: 'custom', message: problem ?? 'is not a size' });
    return z.NEVER;
  });
}

/** A whole number within the range. */
export function countBetween(range: CountRange): z.ZodType<number> {
  return z.union([z.string(), z.number()], { error: 'is not a number' }).transform((raw, context) => {
    const read = readCount(String(raw), range);
    if ('count' in read) return read.count;
    context.addIssue({ code: 'custom', message: read.problem });
    return z.NEVER;
  });
}

/** One of a few words. */
export function oneOf<const Choice extends string>(choices: readonly Choice[]): z.ZodType<Choice> {
  return z.enum(choices, { error: `is none of ${choices.join(', ')}` });
}

/** `aws=2,gcp=2`, or in a file an object of the same. */
export const cloudCounts: z.ZodType<readonly CloudCount[]> = z
  .union([z.string(), z.record(z.string(), z.number())], { error: 'is no list of clouds' })
  .transform((raw, context) => {
    const text =
      typeof raw === 'string'
        ? raw
        : Object.entries(raw)
            .map((pair) => pair.join('='))
            .join(',');
    const read = readCloudCounts(text);
    if ('nodes' in read) return read.nodes;
    context.addIssue({ code: 'custom', message: read.problem });
    return z.NEVER;
  });

/** A path, not looked at yet. */
export const folder: z.ZodType<string> = z
  .string({ error: 'is not a path' })
  .min(1, { error: 'is empty' })
  .max(4_000, { error: 'is too long for a path' })
  .refine((path) => !path.includes('\0'), { error: 'has a NUL byte' });
