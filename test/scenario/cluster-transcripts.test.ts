import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { ClusterStage } from './cluster-stage.ts';
import { parseTranscript, printTranscript, type Step } from './transcript.ts';

const folder = new URL('./cluster-transcripts/', import.meta.url);

for (const name of readdirSync(folder).toSorted()) {
  it(name.replace('.txt', '').replaceAll('-', ' '), async () => {
    const path = fileURLToPath(new URL(name, folder));
    const text = readFileSync(path, 'utf8');
    const { steps, after } = parseTranscript(text);
    const stage = new ClusterStage();
    const played: Step[] = [];
    for (const step of steps) played.push({ ...step, output: await stage.play(step.command) });
    const now = printTranscript({ steps: played, after });
    if (process.env['UPDATE_TRANSCRIPTS'] === '1') writeFileSync(path, now);
    else expect(now).toBe(text);
  });
}
