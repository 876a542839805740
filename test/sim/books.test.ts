import { describe, expect, it } from 'vitest';
import type { DeadLetter, Fact } from '../../src/runtime/facts.ts';
import { SeededRandom } from '../../src/runtime/simulation/seeded-random.ts';
import { VirtualTime } from '../../src/runtime/simulation/virtual-time.ts';
import { encodeToBytes } from '../../src/runtime/wire/value.ts';
import { AskBook } from '../../src/sim/ask-book.ts';
import { RegistryNumbers } from '../../src/sim/checks.ts';
import { ChunkBook } from '../../src/sim/chunk-book.ts';
import { DatasetBook } from '../../src/sim/dataset-book.ts';
import { EffectBook } from '../../src/sim/effect-book.ts';
import { LeaseBook } from '../../src/sim/lease-book.ts';
import type { Life, LifeSpan, NodeWork } from '../../src/sim/life.ts';
import { MessageBook } from '../../src/sim/message-book.ts';
import { Violations } from '../../src/sim/violations.ts';
import { WatchBook } from '../../src/sim/watch-book.ts';
import type { Witness } from '../../src/sim/witness.ts';

/** Promises that were broken so far, `promise: message`. */
class Judge {
  readonly told: string[] = [];
  nowMs = 0;

  get violations(): Violations {
    return new Violations(
      1,
      () => this.nowMs,
      (line) => this.told.push(line.replace('BROKEN ', '')),
    );
  }
}

function span(node: string, epoch: number, endedMs?: number): LifeSpan & { endedMs: number | undefined } {
  return { node, epoch, endedMs, draining: false };
}

function witness(judge: Judge, lives: readonly LifeSpan[], ended: readonly number[] = []): Witness {
  return {
    nowMs: () => judge.nowMs,
    thawedMs: () => 0,
    lives: (node) => lives.filter((life) => life.node === node),
    epochEnded: (_node, epoch) => ended.includes(epoch),
  };
}

const letter = (traceId: string, state: DeadLetter['state'], code: DeadLetter['code']): DeadLetter => {
  return { ...{ state, code, traceId }, target: 'x', protocol: 'p', message: 'm' };
};

describe('the book of messages', () => {
  const a = span('a', 1);
  const b = span('b', 2);

  function bookOf(ended: readonly number[] = [], lives: readonly LifeSpan[] = [a, b]): [Judge, MessageBook] {
    const judge = new Judge();
    return [judge, new MessageBook(judge.violations, witness(judge, lives, ended))];
  }

  it('is content with each honest end', () => {
    const [judge, book] = bookOf([2]);
    const flow = 'a to b';
    book.handled(book.sent(a, 'b'), b, flow, 0);
    book.refused(book.sent(a, 'b'));
    const refused = book.sent(a, 'b');
    book.deadLetter(b, letter(refused, 'refused', 'MAILBOX_FULL'));
    book.deadLetter(a, letter(refused, 'refused', 'MAILBOX_FULL'));
    const lost = book.sent(a, 'b');
    book.deadLetter(a, letter(lost, 'lost', 'NODE_LOST'));
    book.handled(lost, b, flow, 3);
    const failed = book.sent(a, 'b');
    book.handled(failed, b, flow, 4);
    book.deadLetter(b, letter(failed, 'failed', 'HANDLER_FAILED'));
    book.settle();
    expect(judge.told).toEqual([]);
    expect(book.ends).toMatchObject({ handled: 1, 'refused at once': 1, 'refused MAILBOX_FULL': 1 });
  });

  it.each<[string, (book: MessageBook) => void, RegExp]>([
    ['handled twice', (book) => twice(book), /effect-once: .* was handled twice/],
    ['handled though refused', (book) => refusedAndHandled(book), /conservation: .* refused or never sent/],
    ['out of order', (book) => outOfOrder(book), /order-kept: .* number 0 of f came after 1/],
    ['without an end', (book) => withoutEnd(book), /conservation: .* from a to b has no end/],
    ['lost though its receiver lives', (book) => lostToTheLiving(book), /conservation: .* is booked lost/],
    ['with two ends', (book) => twoEnds(book), /conservation: .* is booked expired .* after refused/],
  ])('tells of a message %s', (_what, lie, expected) => {
    const [judge, book] = bookOf();
    lie(book);
    expect(judge.told.join()).toMatch(expected);
  });

  function twice(book: MessageBook): void {
    const id = book.sent(a, 'b');
    book.handled(id, b, 'f', 0);
    book.handled(id, b, 'f', 1);
  }
  function refusedAndHandled(book: MessageBook): void {
    const id = book.sent(a, 'b');
    book.refused(id);
    book.handled(id, b, 'f', 0);
  }
  function outOfOrder(book: MessageBook): void {
    book.handled(book.sent(a, 'b'), b, 'f', 1);
    book.handled(book.sent(a, 'b'), b, 'f', 0);
  }
  function withoutEnd(book: MessageBook): void {
    book.sent(a, 'b');
    book.settle();
  }
  function lostToTheLiving(book: MessageBook): void {
    const id = book.sent(a, 'b');
    book.handled(id, b, 'f', 0);
    book.deadLetter(a, letter(id, 'lost', 'NODE_LOST'));
  }
  function twoEnds(book: MessageBook): void {
    const id = book.sent(a, 'b');
    book.deadLetter(b, letter(id, 'refused', 'MAILBOX_FULL'));
    book.deadLetter(b, letter(id, 'expired', 'DEADLINE_EXCEEDED'));
  }

  it('forgives what was in an epoch that has ended', () => {
    const [judge, book] = bookOf([], [a, span('b', 2, 10)]);
    judge.nowMs = 5;
    book.sent(a, 'b');
    book.settle();
    expect(judge.told).toEqual([]);
  });
});

describe('the book of leases', () => {
  function lifeOf(node: string, mayAct: () => boolean): Life<NodeWork> {
    const membership = {
      get mayAct(): boolean {
        return mayAct();
      },
    };
    return { ...span(node, 1), cluster: { epoch: 1, membership } } as unknown as Life<NodeWork>;
  }
  const acquired = (key: string, token: number): Fact => ({ type: 'lease-acquired', key, token });

  it('tells of two that may act, as soon as both may', () => {
    const judge = new Judge();
    const book = new LeaseBook(judge.violations);
    let zombieActs = false;
    book.heard(
      lifeOf('a', () => zombieActs),
      acquired('k', 1),
    );
    book.heard(
      lifeOf('b', () => true),
      acquired('k', 2),
    );
    book.check();
    expect(judge.told).toEqual([]);
    zombieActs = true;
    book.check();
    expect(judge.told.join()).toMatch(/one-writer: k is held by a .*token 1.* and b .*token 2/);
  });

  it('knows a lease that was let go, and a token that went back', () => {
    const judge = new Judge();
    const book = new LeaseBook(judge.violations);
    const b = lifeOf('b', () => true);
    book.heard(
      lifeOf('a', () => true),
      acquired('k', 5),
    );
    book.letGo('a', 'k', 5);
    book.heard(b, acquired('k', 6));
    book.check();
    expect(judge.told).toEqual([]);
    book.heard(b, { type: 'lease-lost', key: 'k', token: 6, reason: 'doubt' });
    book.heard(b, acquired('k', 4));
    expect(judge.told.join()).toMatch(/never-back: b was given token 4 of k after 6/);
  });
});

describe('the book of watches', () => {
  it('tells of one that is told twice, too early, too late, or never', () => {
    const lives = [span('t', 7)];
    const judged = (ended: readonly number[], act: (book: WatchBook) => void): string => {
      const judge = new Judge();
      act(new WatchBook(judge.violations, witness(judge, lives, ended)));
      return judge.told.join();
    };
    const watcher = span('w', 1);
    expect(judged([], (book) => book.watched(watcher, 't').told(7))).toMatch(
      /epoch 7 has ended, which lives/,
    );
    expect(
      judged([7], (book) => {
        const watch = book.watched(watcher, 't');
        watch.told(7);
        watch.told(7);
      }),
    ).toMatch(/was told 2 times/);
    expect(
      judged([7], (book) => {
        const watch = book.watched(watcher, 't');
        watch.givenUp();
        watch.told(7);
      }),
    ).toMatch(/after it was given up/);
    expect(
      judged([], (book) => {
        book.watched(watcher, 't');
        (lives[0] as { endedMs: number | undefined }).endedMs = 3;
        book.settle();
      }),
    ).toMatch(/never told that epoch 7 has ended/);
  });
});

describe('the book of asks', () => {
  it('tells of one that ends late, and of one that does not end', async () => {
    const time = new VirtualTime(() => new Promise((resolve) => setImmediate(resolve)));
    const process = time.process();
    const by = { life: span('a', 1), process };
    const late = new Judge();
    const book = new AskBook(late.violations, () => 0);
    const passed = (ms: number): Promise<void> => new Promise((resolve) => void process.after(ms, resolve));
    void book.follow(by, 'in time', 100, passed(105));
    void book.follow(by, 'late', 100, passed(200));
    await time.run(1000);
    expect(late.told.join()).toMatch(/nothing-stuck: late from a ended 83 ms after its deadline/);

    const stuck = new Judge();
    const other = new AskBook(stuck.violations, () => 0);
    void other.follow(by, 'stuck', 100, new Promise(() => undefined));
    other.check();
    expect(stuck.told).toEqual([]);
    await time.run(2000);
    other.check();
    expect(stuck.told.join()).toMatch(/stuck from a has no end/);
  });
});

describe('the other books', () => {
  it('tell of an effect that came twice, from nowhere, or was lost', () => {
    const judged = (kept: (ids: readonly string[]) => readonly string[]): string => {
      const judge = new Judge();
      const book = new EffectBook(judge.violations);
      const first = book.draw(new SeededRandom(1));
      book.acknowledged(first.key, first.id);
      book.check(first.key, kept([first.id]));
      return judge.told.join();
    };
    expect(judged((ids) => ids)).toBe('');
    expect(judged((ids) => [...ids, ...ids])).toMatch(/effect-once: .* keeps an id twice/);
    expect(judged((ids) => [...ids, 'zz'])).toMatch(/effect-once: .* keeps zz, which nobody sent/);
    expect(judged(() => [])).toMatch(/nothing-lost: .* has lost 0/);
  });

  it('tell of a chunk that is not what it was when it was done', () => {
    const judge = new Judge();
    const book = new ChunkBook(judge.violations);
    const page = (worker: string): void => {
      const stored = { blake3: 'ab', worker, replicas: [{ node: 'n1', cloud: 'aws' }] };
      const records = [{ state: 'waiting' }, { state: 'done', stored }];
      book.applied([{ op: 'set', key: 'chunks/j1/000001', value: encodeToBytes(records) }]);
    };
    page('n1');
    page('n1');
    expect(judge.told).toEqual([]);
    expect(book.doneCount).toBe(1);
    page('n2');
    expect(judge.told.join()).toMatch(
      /effect-once: chunk j1\/17 was done ab by n1 on n1 and is done ab by n2/,
    );
  });

  it('tell of bytes that are others, of a name that changed hands, and of numbers that went back', () => {
    const judge = new Judge();
    const book = new DatasetBook(judge.violations, new SeededRandom(1));
    const wanted = book.draw('aws-1');
    book.acknowledged(wanted, 'j1');
    book.named(wanted, 'j1', undefined);
    book.named(wanted, 'j1', 'm1');
    book.read(wanted, wanted.bytes.slice());
    expect(judge.told).toEqual([]);
    const judged = (lie: (book: DatasetBook) => void): string => {
      const other = new Judge();
      const liar = new DatasetBook(other.violations, new SeededRandom(1));
      lie(liar);
      return other.told.join();
    };
    expect(judged((liar) => liar.read(wanted, Uint8Array.of(1)))).toMatch(/bytes-verified/);
    expect(judged((liar) => liar.named(wanted, 'j2', 'm1'))).toMatch(/effect-once: .* belongs to job j2/);
    expect(judged((liar) => liar.named(wanted, 'j1', 'm2'))).toMatch(
      /never-back: .* had manifest m1, now m2/,
    );

    const numbers = new RegistryNumbers(judge.violations);
    numbers.check({ index: 5, revision: 2 });
    numbers.check({ index: 5, revision: 3 });
    expect(judge.told).toEqual([]);
    numbers.check({ index: 4, revision: 3 });
    expect(judge.told.join()).toMatch(/never-back: the registry’s index went from 5 back to 4/);
  });
});
