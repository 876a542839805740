import { describe, expect, test } from 'vitest';
import { record } from './recorded-io.ts';

const short = ['--seeds', '1', '--minutes', '1'];

// The first run of a process also loads the whole product.
describe('loom sim', { timeout: 60_000 }, () => {
  test('ends with the sum that other programs read', async () => {
    const { exitCode, stdout } = await record(['sim', '--from', '2', ...short]);
    expect(exitCode).toBe(0);
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('1 passed, 0 failed');
    expect(stdout).toMatch(/1 seeds in .* virtual seconds a second/);
  });

  test('prints exactly the promised keys as JSON', async () => {
    const { exitCode, stdout, stderr } = await record(['sim', ...short, '-o', 'json']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const report = JSON.parse(stdout) as Record<string, unknown>;
    expect(Object.keys(report)).toEqual([
      ...['seeds', 'violations', 'events', 'eventsPerSecond', 'virtualPerReal', 'faults', 'traceHash'],
    ]);
    expect(report).toMatchObject({ seeds: 1, violations: 0 });
    expect(report['traceHash']).toMatch(/^[0-9a-f]{16}$/);
  });

  test.each([
    ['--seeds', '0'],
    ['--minutes', 'ten'],
    ['--threads', '-1'],
    ['--from', '1e3'],
  ])('refuses %s %s', async (flag, value) => {
    const { exitCode, stderr } = await record(['sim', `${flag}=${value}`]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('INVALID_OPTION');
    expect(stderr).toContain(flag);
  });
});
