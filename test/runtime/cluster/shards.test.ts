import { describe, expect, it } from 'vitest';
import { codeOf, errorOf } from './cluster-fixture.ts';
import { storedIds, Tally, TallyCluster, tallyShards } from './tally-cluster.ts';

const abc = ['a', 'b', 'c'];

describe('a virtual actor', () => {
  it('starts where its shard belongs, whoever asks, and is one', async () => {
    const tallies = await TallyCluster.open(abc);
    const { cluster } = tallies;
    const key = tallies.keyOwnedBy('b');
    for (const [i, from] of abc.entries()) {
      const count = await cluster.until(tallies.ref(from, key).ask.add({ id: from }));
      expect(count).toBe(i + 1);
    }
    expect(await cluster.until(tallies.ref('c', key).ask.read({}))).toEqual(abc);
    expect(await cluster.until(tallies.ref('a', key).ask.where({}))).toMatchObject({ node: 'b' });
    expect(tallies.incarnations.length).toBe(1);
    expect(tallies.ref('a', key).address).toBe(`tally/${key}`);
  });

  it('takes signals, in order, also those that came before it was started', async () => {
    const tallies = await TallyCluster.open(abc);
    const { cluster } = tallies;
    const key = tallies.keyOwnedBy('b');
    for (const from of ['a', 'b'])
      for (let i = 0; i < 10; i++)
        expect(tallies.ref(from, key).tell.note({ id: `${from}${i}` })).toBe('accepted');
    await cluster.advance(1000);
    const ids = await cluster.until(tallies.ref('a', key).ask.read({}));
    for (const from of ['a', 'b']) {
      expect(ids.filter((id) => id.startsWith(from))).toEqual(
        Array.from({ length: 10 }, (_, i) => `${from}${i}`),
      );
    }
  });

  it('falls asleep when idle and wakes with the next message, of which none is lost', async () => {
    const tallies = await TallyCluster.open(['a', 'b'], { region: { idleMs: 400 }, flushMs: 50 });
    const { cluster } = tallies;
    const key = tallies.keyOwnedBy('b');
    for (let round = 0; round < 5; round++) {
      await cluster.until(tallies.ref('a', key).ask.add({ id: `${round}` }));
      await cluster.when(() => tallies.log.filter((line) => line.startsWith('flush ')).length === round + 1);
      // It is on its way to sleep: what comes now waits for the next incarnation.
      expect(tallies.alive(key).length).toBe(1);
      tallies.ref('b', key).tell.note({ id: `${round}!` });
      const asked = tallies.ref('a', key).ask.add({ id: `${round}?` });
      await cluster.until(asked);
      expect(tallies.incarnations.length).toBe(round + 2);
    }
    const expected = [0, 1, 2, 3, 4].flatMap((round) => [`${round}`, `${round}!`, `${round}?`]);
    expect(await cluster.until(tallies.ref('a', key).ask.read({}))).toEqual(expected);
    expect(cluster.life('b').letterLines).toEqual([]);
    expect(new Set(tallies.incarnations.map(({ token }) => token)).size).toBe(1);
  });

  it('is not put to sleep while it works, or while a message waits', async () => {
    const tallies = await TallyCluster.open(['a', 'b'], { region: { idleMs: 200 } });
    const { cluster } = tallies;
    const ref = tallies.ref('a', tallies.keyOwnedBy('b'));
    const work = ref.ask.work({ ms: 3000 });
    const waiting = ref.ask.add({ id: '1' });
    await cluster.advance(2900);
    const asleep = (): boolean => tallies.log.some((line) => line.startsWith('flush'));
    expect(asleep()).toBe(false);
    expect(await cluster.until(Promise.all([work, waiting]))).toEqual(['worked', 1]);
    await cluster.when(asleep, 1000);
  });

  it('is not put to sleep while it owes a reply, or while somebody follows its items', async () => {
    const tallies = await TallyCluster.open(['a', 'b'], { region: { idleMs: 200 } });
    const { cluster } = tallies;
    const ref = tallies.ref('a', tallies.keyOwnedBy('b'));
    expect(await cluster.until(ref.ask.owe({ ms: 3000 }))).toBe('paid');
    const items = ref.subscribe.ticks({})[Symbol.asyncIterator]();
    await cluster.until(items.next());
    await cluster.advance(3000);
    const later = ref.ask.later({});
    const asleep = (): boolean => tallies.log.some((line) => line.startsWith('flush'));
    expect(asleep()).toBe(false);
    await items.return?.();
    // A message that it put aside waits, too.
    await cluster.advance(3000);
    expect(asleep()).toBe(false);
    ref.tell.open({});
    expect(await cluster.until(later)).toBe('opened');
    await cluster.when(asleep, 1000);
    expect(tallies.incarnations.length).toBe(1);
  });

  it('may stop itself: what comes meanwhile is for the next', async () => {
    const tallies = await TallyCluster.open(['a', 'b'], { flushMs: 100 });
    const { cluster } = tallies;
    const key = tallies.keyOwnedBy('b');
    await cluster.until(tallies.ref('a', key).ask.add({ id: '1' }));
    tallies.ref('b', key).tell.stop({});
    await cluster.advance(20);
    tallies.ref('b', key).tell.note({ id: '2' });
    expect(await cluster.until(tallies.ref('a', key).ask.read({}))).toEqual(['1', '2']);
    expect(tallies.incarnations.length).toBe(2);
    expect(cluster.life('b').letterLines).toEqual([]);
  });

  it('is restarted when it fails, keeping what waits, and is put to sleep when it fails too often', async () => {
    const tallies = await TallyCluster.open(['a', 'b'], {
      region: { supervise: { maxRestarts: 2, withinMs: 10_000 } },
    });
    const { cluster } = tallies;
    const key = tallies.keyOwnedBy('b');
    const ref = tallies.ref('a', key);
    const other = tallies.ref('a', `${key}-other`);
    await cluster.until(other.ask.add({ id: 'x' }));
    const failed = [codeOf(ref.ask.fail({})), ref.ask.add({ id: '1' }), codeOf(ref.ask.fail({}))];
    expect(await cluster.until(Promise.all(failed))).toEqual(['HANDLER_FAILED', 1, 'HANDLER_FAILED']);
    expect(await cluster.until(codeOf(ref.ask.fail({})))).toBe('HANDLER_FAILED');
    await cluster.advance(50);
    const error = await cluster.until(errorOf(ref.ask.read({})));
    expect(error.code).toBe('PASSIVATED');
    expect(error.message).toMatch(/sleeps for \d+ ms more/);
    // Its neighbours live on, and so does it after a while.
    expect(await cluster.until(other.ask.read({}))).toEqual(['x']);
    await cluster.advance(1000);
    expect(await cluster.until(ref.ask.read({}))).toEqual(['1']);
  });

  it('sleeps longer each time, and is forgiven in the end', async () => {
    const tallies = await TallyCluster.open(['a'], { region: { supervise: { maxRestarts: 0 } } });
    const { cluster } = tallies;
    const ref = tallies.ref('a', 'k');
    const slept: number[] = [];
    const failOnce = async (): Promise<void> => {
      expect(await cluster.until(codeOf(ref.ask.fail({})))).toBe('HANDLER_FAILED');
      const startMs = cluster.time.nowMs;
      await cluster.advance(1);
      while ((await cluster.until(codeOf(ref.ask.read({})))) === 'PASSIVATED') await cluster.advance(50);
      slept.push(cluster.time.nowMs - startMs);
    };
    for (let i = 0; i < 3; i++) await failOnce();
    await cluster.advance(120_000);
    await failOnce();
    expect(slept[1]).toBeGreaterThan((slept[0] as number) * 1.5);
    expect(slept[2]).toBeGreaterThan((slept[1] as number) * 1.5);
    expect(slept[3]).toBeLessThan(slept[1] as number);
  });

  it('that is never restarted is put to sleep by its first failure', async () => {
    const tallies = await TallyCluster.open(['a'], { actor: { restart: { type: 'temporary' } } });
    const ref = tallies.ref('a', 'k');
    expect(await tallies.cluster.until(codeOf(ref.ask.fail({})))).toBe('HANDLER_FAILED');
    await tallies.cluster.advance(10);
    expect(await tallies.cluster.until(codeOf(ref.ask.read({})))).toBe('PASSIVATED');
    await tallies.cluster.advance(1000);
    expect(await tallies.cluster.until(codeOf(ref.ask.read({})))).toBe('resolved');
  });

  it('that cannot be made refuses its messages', async () => {
    const tallies = await TallyCluster.open(['a', 'b'], {
      region: {
        behavior: () => {
          throw new Error('no such thing');
        },
      },
    });
    const { cluster } = tallies;
    const error = await cluster.until(errorOf(tallies.ref('a', tallies.keyOwnedBy('b')).ask.read({})));
    expect(error.code).toBe('HANDLER_FAILED');
    expect(error.message).toContain('no such thing');
    await cluster.advance(1000);
  });
});

describe('ownership', () => {
  it('moves to another node when the owner is killed, and asks meanwhile are kept within their deadlines', async () => {
    const tallies = await TallyCluster.open(abc);
    const { cluster } = tallies;
    const key = tallies.keyOwnedBy('b');
    await cluster.until(tallies.ref('a', key).ask.add({ id: '1' }));
    cluster.kill('b');
    const startMs = cluster.time.nowMs;
    const early = codeOf(tallies.ref('a', key).ask.add({ id: '2' }, { deadlineMs: 20_000 }));
    await cluster.advance(2900);
    const late = tallies.ref('c', key).ask.add({ id: '3' }, { deadlineMs: 20_000 });
    await cluster.until(late, 10_000);
    expect(cluster.time.nowMs - startMs).toBeLessThan(5000);
    // What had left for the lost node may have been carried out: it is not repeated.
    expect(['UNKNOWN_OUTCOME', 'NODE_LOST', 'resolved']).toContain(await cluster.until(early, 20_000));
    const ids = await cluster.until(tallies.ref('a', key).ask.read({}));
    expect(ids.filter((id) => id !== '2')).toEqual(['1', '3']);
    const [first, second] = tallies.incarnations;
    expect(second?.token).toBeGreaterThan(first?.token ?? 0);
  });

  it('is handed over to a node that joins: stop routing, finish, flush, release, acquire, start', async () => {
    const tallies = await TallyCluster.open(['a', 'b'], { flushMs: 300, actor: { stopMs: 5000 } });
    const { cluster } = tallies;
    const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
    for (const key of keys) await cluster.until(tallies.ref('a', key).ask.add({ id: '1' }));
    const busy = keys.map((key) => tallies.ref('b', key).ask.work({ ms: 400 }));
    const queued = keys.map((key) => tallies.ref('b', key).ask.add({ id: '2' }));
    for (const key of keys) expect(tallies.ref('a', key).tell.note({ id: '3' })).toBe('accepted');
    await cluster.advance(30);
    await cluster.start('c');
    const between = keys.map((key) => tallies.ref('b', key).ask.add({ id: '4' }));
    expect(await cluster.until(Promise.all(busy))).toEqual(keys.map(() => 'worked'));
    await cluster.until(Promise.all(queued));
    await cluster.until(Promise.all(between));
    for (const key of keys) {
      const ids = await cluster.until(tallies.ref('c', key).ask.read({}));
      expect(ids.toSorted()).toEqual(['1', '2', '3', '4']);
    }
    const moved = tallies.incarnations.filter(({ life }) => life.name === 'c');
    expect(moved.length).toBeGreaterThan(0);
    for (const { key, token } of moved) {
      const before = tallies.incarnations.find((one) => one.key === key);
      expect(token).toBeGreaterThan(before?.token ?? 0);
      const lines = tallies.log.filter((line) => line.split(' ').at(-2) === key);
      const from = before?.life.name;
      const order = lines.filter((line) => !line.startsWith('add'));
      expect(order).toEqual([
        `start ${key} ${from}`,
        `flush ${key} ${from}`,
        `flushed ${key} ${from}`,
        `start ${key} c`,
      ]);
      expect(lines.indexOf(`add 2 ${key} ${from}`)).toBeLessThan(lines.indexOf(`flush ${key} ${from}`));
    }
    tallies.checkTokens();
  });

  it('H1: ends at the local deadline when the registry is away: the running turn’s asker gets LEASE_LOST', async () => {
    const tallies = await TallyCluster.open(['a', 'b']);
    const { cluster } = tallies;
    const key = tallies.keyOwnedBy('b');
    const ref = tallies.ref('a', key);
    await cluster.until(ref.ask.add({ id: '1' }));
    cluster.severRegistry('b');
    const startMs = cluster.time.nowMs;
    const running = codeOf(ref.ask.work({ ms: 60_000 }, { deadlineMs: 60_000 }));
    const queued = codeOf(ref.ask.add({ id: '2' }, { deadlineMs: 20_000 }));
    expect(await cluster.until(running)).toBe('LEASE_LOST');
    expect(cluster.time.nowMs - startMs).toBeLessThanOrEqual(2710);
    expect(tallies.alive(key)).toEqual([]);
    expect(await cluster.until(queued, 20_000)).toBe('resolved');
    expect(await cluster.until(tallies.ref('a', key).ask.where({}))).toMatchObject({ node: 'a' });
    tallies.checkTokens();
  });

  it('gives no success after the local deadline, though the handler finishes', async () => {
    const tallies = await TallyCluster.open(['a', 'b']);
    const { cluster } = tallies;
    const key = tallies.keyOwnedBy('b');
    const ref = tallies.ref('a', key);
    await cluster.until(ref.ask.add({ id: '1' }));
    const mine = codeOf(tallies.ref('b', key).ask.work({ ms: 200 }, { deadlineMs: 60_000 }));
    await cluster.advance(20);
    cluster.freeze('b');
    await cluster.advance(6000);
    cluster.thaw('b');
    expect(await cluster.until(mine)).toBe('LEASE_LOST');
    await cluster.advance(5000);
    tallies.checkTokens();
  });

  it('comes back with a larger token when the registry was away for less than the lease', async () => {
    const tallies = await TallyCluster.open(['a', 'b']);
    const { cluster } = tallies;
    const key = tallies.keyOwnedBy('b');
    const ref = tallies.ref('a', key);
    await cluster.until(ref.ask.add({ id: '1' }));
    await cluster.advance(10_000);
    cluster.severRegistry('b');
    await cluster.when(() => tallies.alive(key).length === 0, 5000);
    const asked = ref.ask.add({ id: '2' });
    cluster.mendRegistry('b');
    await cluster.until(asked);
    expect(cluster.life('b').ended()).toBe(0);
    expect(await cluster.until(ref.ask.where({}))).toMatchObject({ node: 'b' });
    const [first, second] = tallies.incarnations;
    expect(second?.token).toBeGreaterThan(first?.token ?? 0);
  });

  it('is given back although the node was not the owner any more when it could say so', async () => {
    const tallies = await TallyCluster.open(['a', 'b']);
    const { cluster } = tallies;
    const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
    for (const key of keys) await cluster.until(tallies.ref('a', key).ask.add({ id: '1' }));
    await cluster.advance(10_000);
    // Both lose the right to act; meanwhile another node comes, to which some keys belong from now on.
    cluster.severRegistry('a');
    cluster.severRegistry('b');
    await cluster.when(() => keys.every((key) => tallies.alive(key).length === 0), 5000);
    const joining = cluster.start('c');
    cluster.mendRegistry('a');
    cluster.mendRegistry('b');
    await cluster.until(joining);
    for (const name of ['a', 'b']) expect(cluster.life(name).ended()).toBe(0);
    for (const key of keys) await cluster.until(tallies.ref('c', key).ask.add({ id: '2' }), 5000);
    expect(tallies.incarnations.some(({ life }) => life.name === 'c')).toBe(true);
    tallies.checkTokens();
  });

  it('waits for a lease up to a limit, then refuses', async () => {
    const tallies = await TallyCluster.open(['a', 'b'], { region: { maxWaiting: 5, maxWaitingAsks: 2 } });
    const { cluster } = tallies;
    const key = tallies.keyOwnedBy('b');
    await cluster.until(tallies.ref('a', key).ask.add({ id: '1' }));
    const shard = tallies.incarnations[0]?.token;
    expect(shard).toBeGreaterThan(0);
    cluster.kill('b');
    await cluster.when(() => cluster.life('a').of('member-gone').length > 0);
    // Somebody else has the lease: it is waited for, then given up.
    const rival = cluster.registry.join({
      node: 'rival',
      cloud: '',
      region: '',
      zone: '',
      version: '',
      addresses: {},
      capabilities: {},
    });
    const handle = await cluster.until(rival);
    await cluster.until(handle.setState('draining'));
    for (let number = 0; number < tallyShards; number++)
      await cluster.until(handle.acquire(`shards/tally/${number}`));
    const renewing = setIntervalOn(cluster.life('a').process, 500, () => void handle.renew());
    await cluster.advance(100);
    const startMs = cluster.time.nowMs;
    const ref = tallies.ref('a', key);
    const outcomes = Array.from({ length: 7 }, (_, i) => ref.tell.note({ id: `n${i}` }));
    expect(outcomes).toEqual(['accepted', 'accepted', 'accepted', 'accepted', 'accepted', 'full', 'full']);
    expect(await cluster.until(codeOf(ref.ask.add({ id: 'x' })), 0)).toBe('BUFFER_FULL');
    await cluster.when(
      () => cluster.life('a').letterLines.filter((line) => line.includes('NO_OWNER')).length === 5,
    );
    expect(cluster.time.nowMs - startMs).toBeGreaterThan(14_000);
    expect(cluster.time.nowMs - startMs).toBeLessThan(16_000);
    renewing.cancel();
    await cluster.until(handle.leave());
    expect(await cluster.until(ref.ask.add({ id: '2' }))).toBe(2);
  });

  it('lets messages that wait for a lease expire by their own deadlines', async () => {
    const tallies = await TallyCluster.open(['a', 'b'], { region: { maxWaiting: 3 } });
    const { cluster } = tallies;
    cluster.severRegistry('b');
    const key = tallies.keyOwnedBy('b');
    const ref = tallies.ref('b', key);
    for (let i = 0; i < 3; i++) ref.tell.note({ id: String(i) }, { deadlineMs: 100 });
    expect(await cluster.until(codeOf(ref.ask.read({}, { deadlineMs: 100 })))).toBe('BUFFER_FULL');
    await cluster.advance(150);
    // The room of what has expired is free again.
    const started = cluster.time.nowMs;
    expect(await cluster.until(codeOf(ref.ask.read({}, { deadlineMs: 100 })))).toBe('DEADLINE_EXCEEDED');
    expect(cluster.time.nowMs - started).toBeLessThan(120);
    expect(cluster.life('b').node.system.ledger).toMatchObject({ expired: 4, refused: 1 });
  });

  it('fails asks and tells with NO_OWNER when no node may own anything, and books them', async () => {
    const tallies = await TallyCluster.open(['a']);
    const { cluster } = tallies;
    const a = cluster.life('a');
    await cluster.until(a.node.membership.handle.setState('draining'));
    await cluster.advance(50);
    const ref = tallies.ref('a', 'k');
    expect(ref.tell.note({ id: '1' })).toBe('gone');
    const controller = new AbortController();
    const given = codeOf(ref.ask.read({}, { signal: controller.signal, deadlineMs: 60_000 }));
    expect(await cluster.until(codeOf(ref.ask.read({}, { deadlineMs: 1000 })))).toBe('NO_OWNER');
    controller.abort();
    expect(['NO_OWNER', 'CANCELLED']).toContain(await cluster.until(given, 0));
    expect(a.letterLines[0]).toBe('refused NO_OWNER note');
  });

  it('limits the asks that wait for an owner', async () => {
    const tallies = await TallyCluster.open(['a'], { region: { maxWaitingAsks: 2 } });
    const { cluster } = tallies;
    await cluster.until(cluster.node('a').membership.handle.setState('draining'));
    await cluster.advance(50);
    const ref = tallies.ref('a', 'k');
    const codes = [0, 1, 2].map(() => codeOf(ref.ask.read({}, { deadlineMs: 500 })));
    expect((await cluster.until(Promise.all(codes))).toSorted()).toEqual([
      'BUFFER_FULL',
      'NO_OWNER',
      'NO_OWNER',
    ]);
  });
});

describe('a node that wakes after its lease may be lost', () => {
  /** The owner stands still; `meanwhile` are timers of it that were due before renewals and the doubt. */
  async function frozen(
    ms: number,
    meanwhile: (tallies: TallyCluster, key: string) => void,
  ): Promise<{ tallies: TallyCluster; key: string }> {
    const tallies = await TallyCluster.open(['a', 'b'], {
      registryDelayMs: 0,
      actor: { restart: { backoff: { minMs: 50, jitter: 0 } } },
    });
    const { cluster } = tallies;
    const key = tallies.keyOwnedBy('b');
    await cluster.until(tallies.ref('b', key).ask.add({ id: '1' }));
    meanwhile(tallies, key);
    // What that set off runs, but no time passes.
    await cluster.advance(0);
    cluster.freeze('b');
    await cluster.advance(ms);
    cluster.thaw('b');
    return { tallies, key };
  }

  it('hands no message to an actor', async () => {
    const { tallies } = await frozen(6000, (before, key) => {
      before.cluster.life('b').process.after(1, () => before.ref('b', key).tell.note({ id: '2' }));
    });
    await tallies.cluster.advance(1000);
    expect(tallies.trespasses).toEqual([]);
    expect(tallies.cluster.life('b').letterLines).toContain('refused NO_OWNER note');
  });

  it('restarts none', async () => {
    const { tallies } = await frozen(6000, (before, key) => {
      const asked = codeOf(before.ref('b', key).ask.fail({}));
      expect(asked).toBeInstanceOf(Promise);
    });
    await tallies.cluster.advance(1000);
    expect(tallies.trespasses).toEqual([]);
    expect(tallies.cluster.life('b').of('actor-failed').length).toBeGreaterThan(0);
  });

  it('goes on at once with what waited when its lease was not lost after all', async () => {
    const { tallies, key } = await frozen(2850, (before, its) => {
      before.cluster.life('b').process.after(1, () => before.ref('b', its).tell.note({ id: '2' }));
    });
    await tallies.cluster.advance(20);
    expect(tallies.cluster.life('b').ended()).toBe(0);
    expect(tallies.trespasses).toEqual([]);
    expect(tallies.log.at(-1)).toBe(`add 2 ${key} b`);
  });
});

describe('a node that is not named for a shard', () => {
  it('H2: takes no message for it and does not try its lease', async () => {
    const tallies = await TallyCluster.open(['a', 'b']);
    const { cluster } = tallies;
    const key = tallies.keyOwnedBy('a');
    const wrong = cluster.node('a').router.virtualRef(Tally, 'b', 'tally', key);
    expect(await cluster.until(codeOf(wrong.ask.read({})))).toBe('NO_OWNER');
    await cluster.advance(1000);
    expect(cluster.registry.listAll().leases).toEqual([]);
    const unknown = cluster.node('a').router.virtualRef(Tally, 'b', 'no-such-kind', key);
    expect(await cluster.until(codeOf(unknown.ask.read({})))).toBe('NO_SUCH_ACTOR');
  });
});

describe('a cluster singleton', () => {
  const singleton = { region: { eagerKey: 'only', idleMs: 300 } };

  it('runs without being asked, once, and is not put to sleep', async () => {
    const tallies = await TallyCluster.open(abc, singleton);
    const { cluster } = tallies;
    await cluster.advance(10_000);
    const [life, ...others] = tallies.alive('only');
    expect(others).toEqual([]);
    expect(life?.mayAct()).toBe(true);
    // Nodes that started later may have been named in place of the first.
    expect(tallies.incarnations.length).toBeLessThanOrEqual(3);
  });

  it('moves when its node is killed, and when it drains, and comes back after a failure', async () => {
    const tallies = await TallyCluster.open(abc, singleton);
    const { cluster } = tallies;
    await cluster.advance(1000);
    const first = tallies.alive('only')[0]?.life.name as string;
    cluster.kill(first);
    const killedMs = cluster.time.nowMs;
    await cluster.when(() => tallies.alive('only').length === 1, 10_000);
    expect(cluster.time.nowMs - killedMs).toBeLessThan(4500);
    const second = tallies.alive('only')[0]?.life.name as string;
    expect(second).not.toBe(first);
    await cluster.until(cluster.node(second).drain(1000));
    cluster.kill(second);
    await cluster.when(() => tallies.alive('only').length === 1, 3000);
    const third = tallies.alive('only')[0]?.life.name as string;
    for (let i = 0; i < 8; i++) await cluster.until(codeOf(tallies.ref(third, 'only').ask.fail({})));
    await cluster.advance(5000);
    expect(tallies.alive('only').length).toBe(1);
    tallies.checkTokens();
  });
});

describe('what is stored', () => {
  it('is written by one owner alone: an old one is fenced', async () => {
    const tallies = await TallyCluster.open(['a', 'b']);
    const { cluster } = tallies;
    const key = tallies.keyOwnedBy('b');
    await cluster.until(tallies.ref('a', key).ask.add({ id: '1' }));
    cluster.freeze('b');
    const frozen = codeOf(tallies.ref('b', key).ask.add({ id: 'late' }, { deadlineMs: 60_000 }));
    await cluster.when(() => cluster.life('a').of('member-gone').length > 0);
    await cluster.until(tallies.ref('a', key).ask.add({ id: '2' }));
    cluster.thaw('b');
    expect(await cluster.until(frozen)).not.toBe('resolved');
    await cluster.advance(3000);
    expect(await cluster.until(storedIds(cluster, key))).toEqual(['1', '2']);
  });
});

function setIntervalOn(
  process: { after(ms: number, run: () => void): { cancel(): void } },
  ms: number,
  run: () => void,
): { cancel(): void } {
  let timer = process.after(ms, again);
  function again(): void {
    run();
    timer = process.after(ms, again);
  }
  return { cancel: () => timer.cancel() };
}
