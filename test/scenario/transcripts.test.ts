import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { Stage } from './stage.ts';
import { parseTranscript, printTranscript, type Step } from './transcript.ts';

const folder = new URL('./transcripts/', import.meta.url);
const rewrite = process.env['UPDATE_TRANSCRIPTS'] === '1';

async function replay(text: string): Promise<string> {
  const { steps, after } = parseTranscript(text);
  const stage = new Stage();
  const played: Step[] = [];
  for (const step of steps) played.push({ ...step, output: await stage.play(step.command) });
  return printTranscript({ steps: played, after });
}

for (const name of readdirSync(folder)
  .filter((file) => file.endsWith('.txt'))
  .toSorted()) {
  it(name.replace('.txt', '').replaceAll('-', ' '), async () => {
    const path = fileURLToPath(new URL(name, folder));
    const text = readFileSync(path, 'utf8');
    const played = await replay(text);
    if (rewrite) writeFileSync(path, played);
    else expect(played).toBe(text);
  });
}

it('a transcript that is not what happens fails', async () => {
  const text = 'spawn\n  a\n----\n     0 ms  a started, incarnation 2\n';
  expect(await replay(text)).toBe('spawn\n  a\n----\n     0 ms  a started, incarnation 1\n');
});

it('what is no command, deed or option is refused', async () => {
  await expect(replay('dance\n----\n')).rejects.toThrow('no such command: dance');
  await expect(replay('spawn\n  a colour=red\n----\n')).rejects.toThrow('no such option: colour=red');
  await expect(replay('spawn\n  a\n')).rejects.toThrow('no ---- after: spawn');
});
