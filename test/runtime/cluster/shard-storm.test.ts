import { expect, it } from 'vitest';
import { SeededRandom } from '../../../src/runtime/simulation/seeded-random.ts';
import { codeOf } from './cluster-fixture.ts';
import { storedIds, TallyCluster } from './tally-cluster.ts';

const names = ['a', 'b', 'c', 'd'];
const keys = ['k0', 'k1', 'k2', 'k3', 'k4', 'k5'];
/** `STORM_FROM=17 STORM_SEEDS=1` replays one seed. */
const from = Number(process.env['STORM_FROM'] ?? 1);
const seeds = Number(process.env['STORM_SEEDS'] ?? 6);
const steps = 60;

interface Add {
  readonly id: string;
  readonly key: string;
  readonly deadlineMs: number;
  readonly startedMs: number;
  code: string;
  endedMs: number;
}

/** Four nodes that own keys together, while they are killed, frozen, cut off, drained and started again. */
class ShardStorm {
  tallies!: TallyCluster;
  readonly random: SeededRandom;
  readonly adds: Add[] = [];
  readonly fates = new Map<string, number>();

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  static async open(seed: number): Promise<ShardStorm> {
    const storm = new ShardStorm(seed);
    storm.tallies = await TallyCluster.open(names, {
      seed,
      quality: { delayMs: 5, jitterMs: 10, loss: 0.02, duplication: 0.02, reordering: 0.05 },
      registryDelayMs: 4,
      flushMs: 30,
      region: { idleMs: 700, eagerKey: 'only', supervise: { maxRestarts: 20, withinMs: 1000 } },
      actor: { stopMs: 1000, restart: { backoff: { minMs: 1, maxMs: 10 } } },
    });
    return storm;
  }

  add(): void {
    const { random, tallies } = this;
    const life = tallies.cluster.life(random.pick(names));
    if (!life.lives || life.process.frozen) return;
    const add: Add = {
      id: String(this.adds.length),
      key: random.pick(keys),
      deadlineMs: 500 + random.below(12_000),
      startedMs: tallies.cluster.time.nowMs,
      code: '',
      endedMs: 0,
    };
    this.adds.push(add);
    const asked = tallies.ref(life.name, add.key).ask.add({ id: add.id }, { deadlineMs: add.deadlineMs });
    codeOf(asked).then(
      (code) => {
        add.code = code;
        add.endedMs = tallies.cluster.time.nowMs;
      },
      () => undefined,
    );
  }

  async step(): Promise<void> {
    const { random, tallies } = this;
    const { cluster } = tallies;
    const name = random.pick(names);
    const life = cluster.life(name);
    const did = (what: string): void => {
      this.fates.set(what, (this.fates.get(what) ?? 0) + 1);
    };
    const fate = random.below(100);
    if (fate < 60) for (let i = random.below(12); i >= 0; i--) this.add();
    else if (fate < 66) {
      cluster.cut(name, random.pick(names), random.chance(0.5) ? 'one-way' : 'both-ways');
      did('cut');
    } else if (fate < 73) cluster.heal();
    else if (fate < 77) {
      cluster.severRegistry(name);
      did('sever');
    } else if (fate < 83) for (const each of names) cluster.mendRegistry(each);
    else if (fate < 86) {
      cluster.freeze(name);
      did('freeze');
    } else if (fate < 90) cluster.thaw(name);
    else if (fate < 92) {
      cluster.kill(name);
      did('kill');
    } else if (fate < 94 && life.lives && !life.process.frozen) {
      did('drain');
      void life.node.drain(2000).then(() => life.process.kill());
    } else await this.restart();
    await cluster.advance(random.chance(0.15) ? random.float() * 5000 : random.float() * 300);
  }

  async restart(): Promise<void> {
    const { cluster } = this.tallies;
    for (const name of names) {
      const life = cluster.life(name);
      if (life.ended() > 0 && life.lives) {
        life.node.crash();
        life.process.kill();
      }
      cluster.mendRegistry(name);
      if (!life.lives) await cluster.start(name);
    }
  }

  async calm(): Promise<void> {
    const { cluster } = this.tallies;
    cluster.heal();
    for (const name of names) {
      cluster.thaw(name);
      cluster.mendRegistry(name);
    }
    await cluster.advance(8000);
    await this.restart();
    await cluster.advance(15_000);
  }
}

it(`one owner a key, no acknowledged write lost, none twice, no ask unanswered (${seeds} seeds)`, async () => {
  const codes = new Map<string, number>();
  const fates = new Map<string, number>();
  for (let seed = from; seed < from + seeds; seed++) {
    const storm = await ShardStorm.open(seed);
    const { tallies, adds } = storm;
    const { cluster } = tallies;
    for (let i = 0; i < steps; i++) await storm.step();
    await storm.calm();
    tallies.checkTokens();
    for (const key of keys) {
      // Every key can be had, and what it says is what is stored.
      const ids = await cluster.until(tallies.ref('a', key).ask.read({}));
      expect(await cluster.until(storedIds(cluster, key)), `seed ${seed}: ${key}`).toEqual(ids);
      expect(new Set(ids).size, `seed ${seed}: ${key} has ids twice`).toBe(ids.length);
      for (const add of adds.filter((one) => one.key === key && one.code === 'resolved'))
        expect(ids, `seed ${seed}: ${add.id} was acknowledged`).toContain(add.id);
      // What was refused with certainty is not there.
      for (const add of adds.filter(
        (one) => one.key === key && ['NO_OWNER', 'NODE_UNREACHABLE'].includes(one.code),
      ))
        expect(ids, `seed ${seed}: ${add.id} was refused with ${add.code}`).not.toContain(add.id);
    }
    for (const { id, code, startedMs, endedMs, deadlineMs } of adds) {
      codes.set(code, (codes.get(code) ?? 0) + 1);
      // The node that asked may have been killed, or frozen over the deadline.
      if (code !== '' && code === 'resolved')
        expect(endedMs - startedMs, `seed ${seed}: ${id} ended with ${code}`).toBeLessThanOrEqual(
          deadlineMs + 30_000,
        );
    }
    expect(tallies.alive('only').length, `seed ${seed}: the singleton`).toBe(1);
    for (const { name, node } of cluster.living) {
      expect(node.system.ledger.open, `seed ${seed}: open on ${name}`).toBe(0);
      expect(node.system.ledger.unknown, `seed ${seed}: unknown on ${name}`).toBe(0);
    }
    for (const [fate, times] of storm.fates) fates.set(fate, (fates.get(fate) ?? 0) + times);
  }
  if (seeds < 5) return;
  for (const fate of ['cut', 'sever', 'freeze', 'kill', 'drain'])
    expect(fates.get(fate) ?? 0).toBeGreaterThan(0);
  expect(codes.get('resolved') ?? 0).toBeGreaterThan(100 * seeds);
}, 600_000);
