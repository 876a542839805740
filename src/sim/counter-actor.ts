import { z } from 'zod';
import { LoomError } from '../ports/loom-error.ts';
import type { RegistryHandle } from '../ports/registry.ts';
import { type Behavior, behavior } from '../runtime/behavior.ts';
import { protocol, request } from '../runtime/protocol.ts';
import type { Ownership } from '../runtime/shard.ts';

/** A virtual actor that keeps the ids it was given, each once, in the registry under its lease. */
export const Counter = protocol('sim-counter', {
  add: request({
    in: z.object({ id: z.string() }),
    out: z.object({ count: z.number() }),
    errors: ['LEASE_LOST'],
  }),
});

export const counterKind = 'sim-counter';

export function counterEntry(key: string): string {
  return `sim-counters/${key}`;
}

/** What stands under a counter's entry. */
export function readCounter(value: Uint8Array | undefined): readonly string[] {
  const text = value === undefined ? '' : new TextDecoder().decode(value);
  return text === '' ? [] : text.split(' ');
}

export function counter(ownership: Ownership, registry: RegistryHandle): Behavior<typeof Counter> {
  const entry = counterEntry(ownership.key);
  const lease = { key: ownership.leaseKey, token: ownership.token };
  return behavior(Counter, async (ctx) => {
    const port = ctx.port(registry);
    const stored = await port.get(entry);
    let revision = stored?.revision ?? 0;
    const ids = [...readCounter(stored?.value)];
    return {
      add: async ({ id }) => {
        if (ids.includes(id)) return { count: ids.length };
        const value = new TextEncoder().encode([...ids, id].join(' '));
        const answer = await port.transact([{ op: 'set', key: entry, value, ifRevision: revision }], lease);
        if (answer.kind === 'lease-lost') throw new LoomError('LEASE_LOST', entry);
        // An answer that was lost: what stands there is read again by the next incarnation.
        if (answer.kind === 'conflict') throw new Error(`${entry} is not as it was read`);
        revision = answer.revision;
        ids.push(id);
        return { count: ids.length };
      },
    };
  });
}
