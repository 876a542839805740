import { afterEach, beforeEach, expect, test } from 'vitest';
import { inProcessPlanes, machine, openDevRegistry } from '../../src/node/compose.ts';
import { DevNode, type DevNodeParts, type NodeWork } from '../../src/node/dev-node.ts';
import { planNodes } from '../../src/node/dev-topology.ts';
import { LoomError } from '../../src/ports/loom-error.ts';
import type { EmbeddedRegistry } from '../../src/registry/embedded/embedded-registry.ts';
import { behavior } from '../../src/runtime/behavior.ts';
import type { ClusterNode } from '../../src/runtime/cluster-node.ts';
import type { Fact } from '../../src/runtime/facts.ts';
import { protocol, signal } from '../../src/runtime/protocol.ts';
import { unchecked } from '../../src/runtime/schema.ts';

interface TestWork extends NodeWork {
  readonly node: ClusterNode;
}

const parts = machine();
const [plan] = planNodes([{ cloud: 'aws', count: 1 }]);
let registry: EmbeddedRegistry;
let closed: number[] = [];
let fatal: LoomError[] = [];
let facts: Fact[] = [];
let nodes: DevNode<TestWork>[] = [];

beforeEach(async () => {
  registry = await openDevRegistry(parts, '/nowhere/registry', 'memory', (error) => {
    throw error;
  });
  closed = [];
  fatal = [];
  facts = [];
  nodes = [];
});

afterEach(async () => {
  for (const node of nodes) await node.crash();
  await registry.close();
});

function devNode(overrides: Partial<DevNodeParts<TestWork>> = {}): DevNode<TestWork> {
  if (plan === undefined) throw new Error('no plan');
  const node = new DevNode<TestWork>({
    plan,
    version: '0.0.0',
    machine: parts,
    planes: inProcessPlanes(),
    registry,
    start: async (joined) => ({
      node: joined,
      close: async () => {
        closed.push(joined.epoch);
      },
    }),
    onFact: (_node, fact) => facts.push(fact),
    fatal: (error) => fatal.push(error),
    ...overrides,
  });
  nodes.push(node);
  return node;
}

/** Another process under this name: the registry ends the epoch of the first. */
async function takeName(): Promise<void> {
  if (plan === undefined) throw new Error('no plan');
  const { id: node, cloud, region, zone } = plan;
  await registry.join({ node, cloud, region, zone, version: '', addresses: {}, capabilities: {} });
}

const Fragile = protocol('fragile', { fail: signal({ in: unchecked<object>() }) });

function escalate(node: DevNode<TestWork>): void {
  const fragile = behavior(Fragile, () => ({
    fail: () => {
      throw new Error('nobody handles this');
    },
  }));
  node.work?.node.system.spawn(fragile, { onFailure: 'escalate' }).tell.fail({});
}

test('a node is ready once its work has started, and gone once it is drained', async () => {
  const node = devNode();
  expect(node.state).toBe('starting');
  await node.start();
  expect(node.state).toBe('ready');
  expect(node.work?.node.epoch).toBe(node.epoch);
  const { steps } = await node.drain(1_000);
  expect(steps.length).toBeGreaterThan(0);
  expect(steps.filter(({ overdue }) => overdue)).toEqual([]);
  expect([node.state, node.work, closed]).toEqual(['gone', undefined, [node.epoch]]);
  expect(registry.listAll().members).toEqual([]);
});

test('a node whose epoch ended joins again under a newer one, after its old work was closed', async () => {
  const node = devNode();
  await node.start();
  const first = node.epoch;
  await takeName();
  await expect.poll(() => node.state === 'ready' && node.epoch > first + 1, { timeout: 5_000 }).toBe(true);
  expect(closed).toEqual([first]);
  expect(node.work?.node.epoch).toBe(node.epoch);
  expect(fatal).toEqual([]);
});

test('an epoch that ends while the work starts is begun again', async () => {
  let starts = 0;
  const node = devNode({
    start: async (joined) => {
      starts++;
      if (starts === 1) {
        await takeName();
        await new Promise<void>((resolve) => {
          const look = (): void => {
            if (joined.membership.standing.kind === 'ended') resolve();
            else parts.clock.after(5, look);
          };
          look();
        });
      }
      return { node: joined, close: async () => void closed.push(joined.epoch) };
    },
  });
  await node.start();
  expect(starts).toBe(2);
  expect(closed.length).toBe(1);
  expect(node.work?.node.epoch).toBe(node.epoch);
});

test('a node that escalates begins again, but not for ever', async () => {
  const node = devNode();
  await node.start();
  for (let times = 1; times <= 3; times++) {
    const before = node.epoch;
    escalate(node);
    await expect.poll(() => node.state === 'ready' && node.epoch > before, { timeout: 5_000 }).toBe(true);
    expect(fatal).toEqual([]);
  }
  escalate(node);
  await expect.poll(() => fatal.map(({ code }) => code), { timeout: 5_000 }).toEqual(['NODE_FAILED']);
  expect(node.work).toBeUndefined();
});

test('what keeps the work from starting is the caller’s, and the node is gone', async () => {
  const node = devNode({ start: () => Promise.reject(new Error('no store')) });
  await expect(node.start()).rejects.toThrow('no store');
  expect(node.state).toBe('gone');
  expect(await node.drain(1_000)).toEqual({ steps: [] });
});

test('work that says it has failed begins again, and no later word of it counts', async () => {
  const failures: ((error: LoomError) => void)[] = [];
  const node = devNode({
    start: async (joined, failed) => {
      failures.push(failed);
      return { node: joined, close: () => Promise.resolve() };
    },
  });
  await node.start();
  const before = node.epoch;
  for (let times = 0; times < 9; times++) failures[0]?.(new LoomError('STORE_STOPPED', 'a sync failed'));
  await expect.poll(() => node.state === 'ready' && node.epoch > before).toBe(true);
  expect([failures.length, fatal]).toEqual([2, []]);
});

test('work that does not close is a fact, and holds nothing up', async () => {
  const node = devNode({
    start: async (joined) => ({ node: joined, close: () => Promise.reject(new Error('stuck')) }),
  });
  await node.start();
  await node.drain(1_000);
  expect(node.state).toBe('gone');
  expect(facts.filter(({ type }) => type === 'internal-error').length).toBe(1);
});
