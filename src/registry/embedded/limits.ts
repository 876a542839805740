import { LoomError } from '../../ports/loom-error.ts';
import {
  type KeyValueOperation,
  maxRegistryKeyBytes,
  maxRegistryOperations,
  maxRegistryValueBytes,
} from '../../ports/registry.ts';

/**
 * Refuses what no registry may take (R7), before anything else is judged: REGISTRY_LIMIT for what is too large,
 * INVALID_MESSAGE for names that are empty or do not survive UTF-8 (two of them could become one key on disk).
 */
export function checkName(what: 'key' | 'node', name: string): void {
  if (name.length === 0) throw new LoomError('INVALID_MESSAGE', `a ${what} must not be empty`);
  const bytes = encoder.encode(name).length;
  if (bytes > maxRegistryKeyBytes) {
    throw new LoomError(
      'REGISTRY_LIMIT',
      `a ${what} has ${bytes} bytes; the limit is ${maxRegistryKeyBytes}`,
    );
  }
  if (loneSurrogate.test(name))
    throw new LoomError('INVALID_MESSAGE', `a ${what} is not well-formed Unicode`);
}

export function checkOperations(operations: readonly KeyValueOperation[]): void {
  if (operations.length > maxRegistryOperations) {
    throw new LoomError(
      'REGISTRY_LIMIT',
      `a transaction has ${operations.length} operations; the limit is ${maxRegistryOperations}`,
    );
  }
  for (const operation of operations) {
    checkName('key', operation.key);
    if (operation.op === 'set' && operation.value.length > maxRegistryValueBytes) {
      throw new LoomError(
        'REGISTRY_LIMIT',
        `the value of ${operation.key} has ${operation.value.length} bytes; the limit is ${maxRegistryValueBytes}`,
        { details: { key: operation.key } },
      );
    }
  }
}

const encoder = new TextEncoder();
const loneSurrogate = /\p{Surrogate}/u;
