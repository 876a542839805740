import { expect, test } from 'vitest';
import { planNodes } from '../../src/node/dev-topology.ts';

test('the usual clouds get their regions, and nodes go round the zones', () => {
  const nodes = planNodes([
    { cloud: 'aws', count: 4 },
    { cloud: 'gcp', count: 1 },
  ]);
  expect(nodes.map(({ id, zone }) => [id, zone])).toEqual([
    ['aws-1', 'us-east-1a'],
    ['aws-2', 'us-east-1b'],
    ['aws-3', 'us-east-1c'],
    ['aws-4', 'us-east-1a'],
    ['gcp-1', 'us-central1-a'],
  ]);
  expect(new Set(nodes.map(({ region }) => region))).toEqual(new Set(['us-east-1', 'us-central1']));
});

test.each(['edge', 'constructor'])('an unknown cloud (%s) gets a region of its own', (cloud) => {
  expect(planNodes([{ cloud, count: 1 }])).toEqual([
    { id: `${cloud}-1`, cloud, region: `${cloud}-1`, zone: `${cloud}-1a` },
  ]);
});
