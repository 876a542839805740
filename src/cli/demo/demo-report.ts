import type { VerifyReport } from '../../actors/control/messages.ts';
import type { Manifest } from '../../actors/pipeline/messages.ts';

/** What `npm run demo -- -o json` prints: the names and their order are kept. */
export interface DemoReport {
  readonly bytes: number;
  readonly chunks: number;
  /** From the order until every chunk has all its replicas. */
  readonly seconds: number;
  /** Megabytes (10^6) of the source a second. */
  readonly mbPerSecond: number;
  readonly nodesKilled: number;
  readonly replicasMin: number;
  readonly cloudsMin: number;
  /** Chunks of which no replica verifies. */
  readonly lostChunks: number;
  readonly readBackEqual: boolean;
  readonly limitingStage: 'process' | 'store' | 'none';
}

export interface DemoFindings {
  readonly seconds: number;
  readonly replicas: number;
  readonly verified: VerifyReport;
  readonly manifest: Manifest;
  readonly readBackEqual: boolean;
}

export function demoReport({
  seconds,
  replicas,
  verified,
  manifest,
  readBackEqual,
}: DemoFindings): DemoReport {
  const { bytes, chunks, replicasMin, cloudsMin } = verified;
  return {
    bytes,
    chunks,
    seconds: Number(seconds.toFixed(3)),
    mbPerSecond: seconds > 0 ? Number((bytes / 1e6 / seconds).toFixed(1)) : 0,
    nodesKilled: 0,
    replicasMin,
    cloudsMin,
    lostChunks: lostChunks(verified, replicas),
    readBackEqual,
    limitingStage: limitingStage(manifest),
  };
}

/** Chunks for which as many replicas are bad as there should be. */
function lostChunks({ bad }: VerifyReport, replicas: number): number {
  const badReplicas = new Map<number, number>();
  for (const { chunk } of bad) badReplicas.set(chunk, (badReplicas.get(chunk) ?? 0) + 1);
  return [...badReplicas.values()].filter((count) => count >= replicas).length;
}

/** The stage on which the chunks spent most of their time: reading and checking, or storing their replicas. */
function limitingStage({ chunks }: Manifest): DemoReport['limitingStage'] {
  let processMs = 0;
  let storeMs = 0;
  for (const chunk of chunks) {
    processMs += chunk.processMs;
    storeMs += chunk.storeMs;
  }
  if (processMs === 0 && storeMs === 0) return 'none';
  return processMs > storeMs ? 'process' : 'store';
}
