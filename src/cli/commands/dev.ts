import { formatDuration } from '../../config/duration.ts';
import { openDataFolder } from '../../node/data-folder.ts';
import type { DevCluster } from '../../node/dev-cluster.ts';
import { errorTable } from '../../ports/error-table.ts';
import type { LoomError } from '../../ports/loom-error.ts';
import type { Call, Command } from '../command.ts';
import { devBanner, devReport } from '../dev-banner.ts';
import { factLog } from '../fact-log.ts';
import { packageVersion } from '../release.ts';

/** How long each step of a drain may take, in milliseconds. */
const drainStepMs = 5_000;

/** `loom dev`: a whole cluster in one process, until Ctrl-C. */
export const dev: Command = {
  name: 'dev',
  summary: 'Run a whole cluster in this process, until Ctrl-C',
  examples: [
    { line: 'loom dev', does: 'two nodes in each of two clouds' },
    { line: 'loom dev --nodes aws=3,gcp=2,azure=1 --data-dir ./data', does: 'another shape and folder' },
    { line: 'loom dev --durability memory', does: 'keeps nothing' },
  ],
  arguments: [],
  options: [],
  settings: ['dataDir', 'nodes', 'durability', 'logLevel'],
  run: async (call) => {
    const { io, output } = call;
    const { values, origins } = await call.settings();
    const { dataDir, nodes, durability, logLevel } = values;
    output.note(`Starting on ${dataDir} …`);
    const version = packageVersion();
    const folder = await openDataFolder(dataDir, { version, environment: io.environment });
    // After the folder is held: whoever is refused need not wait for the engine to load.
    const { DevCluster } = await import('../../node/dev-cluster.ts');
    const cluster = await DevCluster.start({
      folder,
      nodes,
      durability,
      version,
      onFact: factLog(logLevel, (line) => output.note(line)),
    });
    output.result(devReport(cluster), () =>
      devBanner(cluster, {
        version,
        environment: io.environment,
        usualFolder: origins.dataDir.kind === 'default',
        paint: output.paint,
      }),
    );
    return until(call, cluster);
  },
};

/** Waits for what ends the cluster, drains it, and answers the exit code: 0 when nothing was lost or left undone. */
async function until(call: Call, cluster: DevCluster): Promise<number> {
  const { io, output } = call;
  const { onFloatingRejection } = await import('../../node/floating-rejections.ts');
  let quiet = (): void => undefined;
  const floating = new Promise<LoomError>((resolve) => {
    quiet = onFloatingRejection(resolve);
  });
  const failure = await Promise.race([aborted(io.signal), cluster.fatal, floating]);
  if (failure !== undefined) io.stderr.write(`loom: ${failure.message}\n`);
  const nodes = cluster.nodes.length;
  output.note(`Draining ${nodes} nodes: no new work, what runs finishes, everything is flushed …`);
  const { tookMs, overdue } = await cluster.drain(drainStepMs);
  quiet();
  for (const step of overdue) output.note(`not finished in time: ${step}`);
  const kept = cluster.kept ? `What was acknowledged is kept in ${cluster.folder.path}.` : 'Nothing is kept.';
  output.note(`Stopped after ${formatDuration(tookMs)}. ${kept}`);
  if (failure !== undefined) return errorTable.NODE_FAILED.exitCode;
  return overdue.length === 0 ? 0 : 1;
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    const over = (): void => resolve(undefined);
    signal.addEventListener('abort', over, { once: true });
    if (signal.aborted) over();
  });
}
