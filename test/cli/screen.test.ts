import { describe, expect, test } from 'vitest';
import { createOutput } from '../../src/cli/output.ts';
import { createPaint } from '../../src/cli/paint.ts';
import { printable } from '../../src/cli/printable.ts';
import { startProgress } from '../../src/cli/progress.ts';
import { renderTable } from '../../src/cli/render-table.ts';
import { formatBytes } from '../../src/config/size.ts';
import { recordedIo } from './recorded-io.ts';

const plain = createPaint(false);

describe('a table', () => {
  test('is aligned, by characters and not by code units', () => {
    const columns = [{ title: 'NAME' }, { title: 'BYTES', align: 'right' as const }, { title: 'STATE' }];
    const rows = [['a', '1', 'ok'], ['🧵🧵🧵🧵🧵', '12345678', ''], ['short']];
    expect(renderTable(columns, rows, plain)).toBe(
      'NAME      BYTES  STATE\na             1  ok\n🧵🧵🧵🧵🧵  12345678\nshort\n',
    );
  });

  test('without rows is its titles', () => {
    expect(renderTable([{ title: 'NAME' }], [], createPaint(true))).toBe('\u001b[1mNAME\u001b[22m\n');
  });

  test('writes control characters out', () => {
    expect(renderTable([{ title: 'N' }], [['a\u001b]0;x\u0007\n\u009b\u2028é']], plain)).toBe(
      'N\na\\x1b]0;x\\x07\\x0a\\x9b\\u2028é\n',
    );
    expect(printable('plain – ünïcode 🧵')).toBe('plain – ünïcode 🧵');
  });
});

describe('progress', () => {
  function progress(
    live: boolean,
    columns = 200,
  ): { at: (ms: number, done: number, total?: number) => string; end: () => string } {
    let nowMs = 0;
    let written = '';
    const append = (text: string): void => {
      written += text;
    };
    const screen = {
      write: append,
      live,
      columns,
      monotonicMs: () => nowMs,
    };
    const bar = startProgress(screen, { label: 'Ingesting', format: formatBytes });
    const said = (): string => {
      const text = written;
      written = '';
      return text;
    };
    return {
      at: (ms, done, total) => {
        nowMs = ms;
        bar.update(done, total);
        return said();
      },
      end: () => {
        bar.end();
        return said();
      },
    };
  }
  const mib = 2 ** 20;

  test('on a terminal is drawn at once, then at most ten times a second, and taken away', () => {
    const { at, end } = progress(true);
    expect(at(0, 0, 100 * mib)).toBe(
      '\r\u001b[2KIngesting  [------------------------]  0 %  0 bytes of 100 MiB',
    );
    expect(at(99, mib, 100 * mib)).toBe('');
    expect(at(100, 10 * mib, 100 * mib)).toBe(
      '\r\u001b[2KIngesting  [##----------------------]  10 %  10 MiB of 100 MiB  100 MiB/s  900 ms left',
    );
    expect(at(1_000, 100 * mib, 100 * mib)).toContain(
      '[########################]  100 %  100 MiB of 100 MiB  100 MiB/s',
    );
    expect(end()).toBe('\r\u001b[2K');
    expect(end()).toBe('');
    const drawings = progress(true);
    const times = Array.from({ length: 1_000 }, (_, ms) => drawings.at(ms, ms, 1_000)).filter(
      (text) => text !== '',
    );
    expect(times.length).toBe(10);
  });

  test('elsewhere is a line every five seconds', () => {
    const { at, end } = progress(false);
    expect(at(4_999, 10 * mib, 100 * mib)).toBe('');
    expect(at(5_000, 50 * mib, 100 * mib)).toBe('Ingesting  50 %  50 MiB of 100 MiB  10 MiB/s  5 s left\n');
    expect(at(9_999, 60 * mib, 100 * mib)).toBe('');
    expect(end()).toBe('');
  });

  test('of an unknown or empty total shows what is done, and never more than all of it', () => {
    expect(progress(true).at(1_000, mib)).toBe('\r\u001b[2KIngesting  1 MiB  1 MiB/s');
    expect(progress(true).at(0, 0, 0)).toBe('\r\u001b[2KIngesting  0 bytes');
    expect(progress(true).at(1_000, 3 * mib, 2 * mib)).toContain('100 %');
  });

  test('never wraps a narrow terminal', () => {
    expect(progress(true, 20).at(0, 0, mib)).toBe('\r\u001b[2KIngesting  [-------');
  });
});

describe('output', () => {
  const manner = { format: 'table', debug: false, color: true } as const;

  test('as a table writes results to stdout, notes and progress to stderr', () => {
    const { io, stdout, stderr } = recordedIo({ stdoutIsTty: true, stderrIsTty: true });
    const output = createOutput(io, manner);
    output.result({ a: 1 }, () => `${output.paint.green('one')}\n`);
    output.note('by the way');
    output.progress({ label: 'Doing', format: String }).update(1, 2);
    expect(stdout()).toBe('\u001b[32mone\u001b[39m\n');
    expect(stderr().startsWith('by the way\n\r\u001b[2KDoing ')).toBe(true);
  });

  test('as JSON writes one line a result and nothing else', () => {
    const { io, stdout, stderr } = recordedIo({ stdoutIsTty: true, stderrIsTty: true });
    const output = createOutput(io, { ...manner, format: 'json' });
    output.result({ a: 'x\ny' }, () => 'text');
    output.note('by the way');
    const progress = output.progress({ label: 'Doing', format: String });
    progress.update(1, 2);
    progress.end();
    expect([stdout(), stderr()]).toEqual(['{"a":"x\\ny"}\n', '']);
  });

  test('is plain where no terminal is, and draws no bar on a dumb one', () => {
    const { io, stderr } = recordedIo({ stderrIsTty: true, environment: { TERM: 'dumb' } });
    const output = createOutput(io, manner);
    expect(output.paint.bold('x')).toBe('x');
    output.progress({ label: 'Doing', format: String }).update(1, 2);
    expect(stderr()).toBe('');
  });
});
