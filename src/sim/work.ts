import type { Books } from './books.ts';
import type { SimulatedCluster } from './cluster.ts';
import { startCounterLoad } from './counter-load.ts';
import type { NodeWork, WorkPlace } from './life.ts';
import { startMessageLoad } from './message-load.ts';
import { PipelineLoad } from './pipeline-load.ts';

/** What every node of a simulated cluster runs: the pipeline, and load on it and on the engine. */
export interface SimulatedWork extends NodeWork {
  readonly place: WorkPlace;
  readonly load: PipelineLoad;
}

/** A cluster with its work, and what is written down of it. */
export interface Scene {
  readonly cluster: SimulatedCluster<SimulatedWork>;
  readonly books: Books<SimulatedWork>;
}

/** Starts the work of a node that has joined. While `paused`, the load begins nothing new. */
export async function startWork(
  { cluster, books }: Scene,
  place: WorkPlace,
  paused: () => boolean,
): Promise<SimulatedWork> {
  const nodes = cluster.nodes.map(({ name }) => name);
  const { length } = nodes;
  startMessageLoad({ place, books, nodes, everyMs: messageMs * length, paused });
  startCounterLoad(place, books, counterMs * length, paused);
  const load = await PipelineLoad.start({
    ...{ place, paused, book: books.datasets, checksum: cluster.checksum },
    everyMs: datasetMs * length,
  });
  return { place, load, close: () => load.pipeline.close() };
}

/** Between two steps of the load in the whole cluster, on average. */
const messageMs = 250;
const counterMs = 1000;
const datasetMs = 8000;
