import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { LoomError } from '../../../src/ports/loom-error.ts';
import { behavior } from '../../../src/runtime/behavior.ts';
import type { Messages } from '../../../src/runtime/definition.ts';
import { protocol, request, signal, subscription } from '../../../src/runtime/protocol.ts';
import { type Schema, type SchemaResult, unchecked, validated } from '../../../src/runtime/schema.ts';
import { fail, puppet } from './puppet.ts';
import { World } from './world.ts';

const code = (run: () => unknown): string => {
  try {
    run();
    return 'fine';
  } catch (error) {
    return LoomError.from(error).code;
  }
};
const defines = (messages: () => Messages) => code(() => protocol('p', messages()));

describe('protocols', () => {
  it('name their messages by letters, digits, dash and underscore', () => {
    const named = (name: string) => code(() => protocol(name, {}));
    expect(['a', 'chunk-worker', 'a_1', 'x'.repeat(64)].map(named)).toEqual(['fine', 'fine', 'fine', 'fine']);
    expect(['', '1a', 'a b', 'a.b', 'x'.repeat(65)].map(named)).toEqual(
      new Array(5).fill('INVALID_DEFINITION'),
    );
    const message = (name: string) => defines(() => ({ [name]: signal({ in: unchecked<void>() }) }));
    expect(['poster', 'toString'].map(message)).toEqual(['fine', 'fine']);
    expect(['then', 'constructor', 'prototype', 'a.b', '$poster'].map(message)).toEqual(
      new Array(5).fill('INVALID_DEFINITION'),
    );
    expect(defines(() => Object.fromEntries([['__proto__', signal({ in: unchecked<void>() })]]))).toBe(
      'INVALID_DEFINITION',
    );
  });

  it('no message name collides with the client’s own parts', async () => {
    const world = new World();
    const seen: string[] = [];
    const Odd = protocol('odd', {
      poster: signal({ in: unchecked<string>() }),
      tell: signal({ in: unchecked<string>() }),
    });
    const ref = world.system.spawn(
      behavior(Odd, () => ({ poster: (m) => void seen.push(m), tell: (m) => void seen.push(m) })),
    );
    ref.tell.poster('a');
    ref.tell.tell('b');
    await world.run();
    expect(seen).toEqual(['a', 'b']);
  });

  it('a definition belongs to one protocol', () => {
    const shared = signal({ in: unchecked<void>() });
    expect(defines(() => ({ one: shared, two: shared }))).toBe('INVALID_DEFINITION');
  });

  it('are frozen', () => {
    const P = protocol('p', { a: signal({ in: unchecked<void>() }) });
    expect([Object.isFrozen(P), Object.isFrozen(P.messages)]).toEqual([true, true]);
  });
});

describe('an asynchronous schema is refused at definition', () => {
  const later: Schema<string> = {
    '~standard': { version: 1, vendor: 'test', validate: () => Promise.resolve({ value: 'x' }) },
  };
  const fine = unchecked<string>();

  it('as a message, a reply or an item', () => {
    expect(defines(() => ({ a: signal({ in: later }) }))).toBe('INVALID_DEFINITION');
    expect(defines(() => ({ a: request({ in: later, out: fine }) }))).toBe('INVALID_DEFINITION');
    expect(defines(() => ({ a: request({ in: fine, out: later }) }))).toBe('INVALID_DEFINITION');
    expect(defines(() => ({ a: subscription({ in: fine, item: later }) }))).toBe('INVALID_DEFINITION');
  });

  it('of any vendor, also when it answers later for some kinds of values only', () => {
    const some: Schema<unknown> = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value): SchemaResult<unknown> | Promise<SchemaResult<unknown>> =>
          typeof value === 'string'
            ? Promise.reject(new Error('later'))
            : { issues: [{ message: 'no string' }] },
      },
    };
    expect(defines(() => ({ a: signal({ in: some }) }))).toBe('INVALID_DEFINITION');
  });

  it('of zod, however deep', () => {
    const isFine = async () => true;
    const deep: Schema<unknown>[] = [
      z.string().refine(isFine),
      z.object({ list: z.array(z.object({ name: z.string().refine(isFine) })) }),
      z.union([z.number(), z.string().transform(async (text) => text)]),
      z.map(z.string(), z.string().min(3).refine(isFine).optional()),
      z.string().pipe(z.string().refine(isFine)),
      z.any().superRefine(async () => undefined),
    ];
    for (const schema of deep)
      expect(defines(() => ({ a: signal({ in: schema }) }))).toBe('INVALID_DEFINITION');
  });

  it('and synchronous ones are not', () => {
    type Tree = { readonly name: string; readonly under: readonly Tree[] };
    const tree: z.ZodType<Tree> = z.lazy(() => z.object({ name: z.string(), under: z.array(tree) }));
    const sync: Schema<unknown>[] = [
      z.string().refine((text) => text.length > 2),
      z.object({ tree, when: z.date().optional(), tags: z.record(z.string(), z.number()) }),
      z.any().refine((value: { deep: { deeper: unknown } }) => value.deep.deeper !== undefined),
      z.instanceof(Uint8Array),
      z.number().transform((n) => n + 1),
    ];
    for (const schema of sync) expect(defines(() => ({ a: signal({ in: schema }) }))).toBe('fine');
  });

  it('one that hid is refused when it is used', () => {
    const hidden: Schema<unknown> = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value): SchemaResult<unknown> | Promise<SchemaResult<unknown>> =>
          value === 'magic' ? Promise.resolve({ value }) : { value },
      },
    };
    expect(code(() => validated(hidden, 'magic', 'p.a'))).toBe('INVALID_DEFINITION');
  });
});

describe('validation', () => {
  it('answers the parsed value, or INVALID_MESSAGE with the field', () => {
    const schema = z.object({ chunk: z.object({ bytes: z.number() }), name: z.string().default('x') });
    expect(validated(schema, { chunk: { bytes: 1 } }, 'p.a')).toEqual({ chunk: { bytes: 1 }, name: 'x' });
    try {
      validated(schema, { chunk: { bytes: '1' } }, 'p.a');
      fail('accepted');
    } catch (error) {
      expect(error).toMatchObject({ code: 'INVALID_MESSAGE', details: { field: 'chunk.bytes' } });
      expect(String(error)).toContain('p.a.chunk.bytes');
    }
  });

  it('is not done on local sends: messages pass by reference', async () => {
    const world = new World();
    const P = protocol('p', { a: signal({ in: z.object({ n: z.number() }) }) });
    const seen: unknown[] = [];
    const message = { n: 1, extra: 'kept' };
    world.system.spawn(behavior(P, () => ({ a: (m) => void seen.push(m) }))).tell.a(message);
    await world.run();
    expect(seen[0]).toBe(message);
  });
});

describe('declared errors are replies', () => {
  it('the asker gets the code, the actor goes on, the message is handled', async () => {
    const world = new World();
    const log: string[] = [];
    const ref = world.system.spawn(puppet(log));
    for (const thrower of [
      () => {
        throw new LoomError('FENCED', 'token 3');
      },
      () => Promise.reject(new LoomError('FENCED', 'token 3')),
    ]) {
      const answer = await world.until(ref.attempt.call(thrower));
      expect(answer).toMatchObject({ ok: false, declared: 'FENCED' });
    }
    const undeclared = await world.until(
      ref.attempt.call(() => {
        throw new LoomError('DISK_FULL', 'volume 1');
      }),
    );
    expect(undeclared).toMatchObject({ ok: false, declared: undefined, error: { code: 'HANDLER_FAILED' } });
    expect(log).toEqual(['start 1']);
    expect(world.of('actor-failed')).toHaveLength(1);
    expect(world.system.ledger).toMatchObject({ handled: 2, failed: 1 });
  });
});
