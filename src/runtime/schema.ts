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

/** Refuses a schema that validates asynchronously: a decoder cannot wait. INVALID_DEFINITION. */
export function refuseAsyncSchema(schema: Schema<unknown>, where: string): void {
  const answer = schema['~standard'].validate(undefined);
  if (!(answer instanceof Promise)) return;
  answer.then(undefined, () => undefined);
  throw new LoomError('INVALID_DEFINITION', `the schema of ${where} is asynchronous`);
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
