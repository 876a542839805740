import { LoomError } from '../ports/loom-error.ts';

/** A validator after the Standard Schema specification, version 1 (standardschema.dev): zod, valibot, arktype. */
export interface Schema<Output> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** A schema that accepts every value: for messages that never leave the process, and for values checked elsewhere. */
export function unchecked<T>(): Schema<T> {
  return { '~standard': { version: 1, vendor: 'loom', validate: (value) => ({ value: value as T }) } };
}

/**
 * Refuses a schema that validates asynchronously: a decoder cannot wait. INVALID_DEFINITION. What neither a probe nor
 * zod's own description shows (an ordinary function that answers a promise for some values) is refused by `validated`.
 */
export function refuseAsyncSchema(schema: Schema<unknown>, where: string): void {
  if (probes.some((probe) => answersLater(schema, probe)) || describesAsync(schema, new Set())) {
    throw new LoomError('INVALID_DEFINITION', `the schema of ${where} is asynchronous`);
  }
}

/** A value of each kind: a validator looks at a value's kind before it looks closer. */
const probes: readonly unknown[] = [undefined, null, '', 0, true, [], {}];

/** A check of the user's that throws for a probe answered at once; zod's `validate` would make a promise of that. */
function answersLater(schema: Schema<unknown> | ZodSchema, probe: unknown): boolean {
  try {
    if ('safeParse' in schema) {
      schema.safeParse(probe);
      return false;
    }
    const answer = schema['~standard'].validate(probe);
    if (!(answer instanceof Promise)) return false;
    answer.then(undefined, () => undefined);
    return true;
  } catch (thrown) {
    return thrown instanceof Error && thrown.constructor.name === '$ZodAsyncError';
  }
}

interface ZodSchema extends Schema<unknown> {
  safeParse(value: unknown): unknown;
}

/** True when zod's description of a schema (`_zod.def`) holds an async function, as in `z.string().refine(async ...)`. */
function describesAsync(node: unknown, seen: Set<object>): boolean {
  if (typeof node === 'function') return Object.prototype.toString.call(node) === '[object AsyncFunction]';
  if (typeof node !== 'object' || node === null || seen.has(node)) return false;
  seen.add(node);
  if ('_zod' in node) {
    const { _zod: inner } = node;
    return typeof inner === 'object' && inner !== null && 'def' in inner && describesAsync(inner.def, seen);
  }
  const plain = Array.isArray(node) || Object.getPrototypeOf(node) === Object.prototype;
  return plain && Object.values(node).some((value) => describesAsync(value, seen));
}

/** Checks a value that came from outside; INVALID_MESSAGE names the field. */
export function validated<T>(schema: Schema<T>, value: unknown, where: string): T {
  const answer = schema['~standard'].validate(value);
  if (answer instanceof Promise) {
    answer.then(undefined, () => undefined);
    throw new LoomError('INVALID_DEFINITION', `the schema of ${where} is asynchronous`);
  }
  if (answer.issues === undefined) return answer.value;
  const issue = answer.issues[0];
  const field =
    issue?.path?.map((step) => String(typeof step === 'object' ? step.key : step)).join('.') ?? '';
  const detail = `${where}${field === '' ? '' : `.${field}`}: ${issue?.message ?? 'does not fit'}`;
  throw new LoomError('INVALID_MESSAGE', detail, { details: { field } });
}
