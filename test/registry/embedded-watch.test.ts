import { describe, expect, it } from 'vitest';
import type { KeyValue } from '../../src/ports/registry.ts';
import { EmbeddedFixture } from './embedded-fixture.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('embedded registry and its listeners', () => {
  it('never calls a listener from inside the call that made it (W1)', async () => {
    const fixture = await new EmbeddedFixture().open();
    const a = await fixture.join('a');
    let calls = 0;
    a.watchMembers(() => calls++);
    expect(calls).toBe(0);
    await a.setState('draining');
    expect(calls).toBe(0);
    await fixture.advance(0);
    expect(calls).toBe(1);
  });

  it('tells of many changes once, with the newest state (W2)', async () => {
    const fixture = await new EmbeddedFixture().open();
    const a = await fixture.join('a');
    const seen: (readonly KeyValue[])[] = [];
    a.watch('p/', (pairs) => seen.push(pairs));
    await fixture.advance(0);
    await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        a.transact([{ op: 'set', key: `p/${i % 3}`, value: bytes(String(i)) }]),
      ),
    );
    await a.transact([{ op: 'set', key: 'q', value: bytes('elsewhere') }]);
    await fixture.advance(0);
    expect(seen.map((pairs) => pairs.length)).toEqual([0, 3]);
    await a.transact([{ op: 'set', key: 'q', value: bytes('elsewhere again') }]);
    await fixture.advance(0);
    expect(seen).toHaveLength(2);
  });

  it('goes on when a listener throws, and reports it (W4)', async () => {
    const fixture = await new EmbeddedFixture().open();
    const a = await fixture.join('a');
    let calls = 0;
    a.watchMembers(() => {
      throw new Error('mine');
    });
    a.watchMembers(() => calls++);
    await fixture.advance(0);
    await fixture.join('b');
    await fixture.advance(0);
    expect(calls).toBe(2);
    expect(fixture.reports).toHaveLength(2);
    expect(fixture.reports[0]).toMatchObject({ code: 'INTERNAL', cause: { message: 'mine' } });
  });

  it('lets a listener close others, close itself and change the registry', async () => {
    const fixture = await new EmbeddedFixture().open();
    const a = await fixture.join('a');
    let later = 0;
    const first = a.watch('x', (pairs) => {
      if (pairs.length > 0) {
        first.close();
        second.close();
      } else {
        void a.transact([{ op: 'set', key: 'x', value: bytes('1') }]);
      }
    });
    const second = a.watch('x', () => later++);
    await fixture.advance(10);
    expect(later).toBe(1);
    expect((await a.list('x')).length).toBe(1);
  });

  it('refuses to watch through a closed handle', async () => {
    const fixture = await new EmbeddedFixture().open();
    const a = await fixture.join('a');
    a.close();
    expect(() => a.watchMembers(() => {})).toThrow(expect.objectContaining({ code: 'STALE_INCARNATION' }));
  });

  it('cuts the node, not the handle: it cannot join either (R6)', async () => {
    const fixture = await new EmbeddedFixture().open();
    const a = await fixture.join('a');
    a.sever();
    await expect(fixture.join('a')).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
    fixture.registry.mend('a');
    const again = await fixture.join('a');
    fixture.registry.sever('a');
    await expect(again.renew()).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
    again.mend();
    await again.renew();
  });

  it('fails a call under way when the node is cut or the handle closed, though it may be carried out', async () => {
    const fixture = await new EmbeddedFixture().open();
    const a = await fixture.join('a');
    const b = await fixture.join('b');
    const cut = a.acquire('k');
    a.sever();
    await expect(cut).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
    expect((await b.acquire('k')).kind).toBe('held');
    const closed = b.acquire('k2');
    b.close();
    await expect(closed).rejects.toMatchObject({ code: 'STALE_INCARNATION' });
    await expect(b.members()).rejects.toMatchObject({ code: 'STALE_INCARNATION' });
  });
});
