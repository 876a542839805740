import { describe, expect, test } from 'vitest';
import type { Call, Command } from '../../src/cli/command.ts';
import { ReaderGone } from '../../src/cli/io.ts';
import { LoomError } from '../../src/ports/loom-error.ts';
import { record } from './recorded-io.ts';

function probe(run: (call: Call) => Promise<number | undefined>): Command {
  return {
    name: 'store put',
    summary: 'Put a thing',
    examples: [{ line: 'loom store put x', does: 'puts x' }],
    arguments: [
      { name: 'thing', summary: 'what to put', required: true, choices: ['x', 'y', '-1'], strict: true },
      { name: 'more', summary: 'more of it', required: false, variadic: true },
    ],
    options: [
      { flag: 'size', short: 's', placeholder: 'SIZE', summary: 'how much', environment: 'LOOM_TEST_SIZE' },
      { flag: 'keep', summary: 'keep it', environment: 'LOOM_TEST_KEEP' },
    ],
    settings: ['replicas'],
    run,
  };
}

const nothing = probe(() => Promise.resolve(undefined));
const failing = (error: unknown): readonly Command[] => [probe(() => Promise.reject(error as Error))];

describe('a command', () => {
  test('is given its arguments, options and settings', async () => {
    const seen: unknown[] = [];
    const command = probe(async (call) => {
      seen.push(call.argument('thing'), call.optionalArgument('more'), call.variadicArgument('more'));
      seen.push(
        call.text('size'),
        call.given('keep'),
        (await call.settings()).values.replicas,
        (await call.settings()).values.minClouds,
      );
      return 10;
    });
    const argv = ['store', 'put', 'x', 'a', 'b', '--size=1MiB', '--keep', '--replicas', '1'];
    expect(await record(argv, {}, [command])).toEqual({ exitCode: 10, stdout: '', stderr: '' });
    expect(seen).toEqual(['x', 'a', ['a', 'b'], '1MiB', true, 1, 1]);
  });

  test('sees its environment where no flag is given, but not an empty variable', async () => {
    const seen: unknown[] = [];
    const command = probe(async (call) => {
      seen.push([call.text('size'), call.given('keep'), (await call.settings()).values.replicas]);
      return undefined;
    });
    const environment = { LOOM_TEST_SIZE: '1', LOOM_TEST_KEEP: '1', LOOM_REPLICAS: '5' };
    await record(['store', 'put', 'x'], { environment }, [command]);
    await record(['store', 'put', 'x', '-s', '2', '--replicas', '4'], { environment }, [command]);
    await record(['store', 'put', 'x'], { environment: { LOOM_TEST_SIZE: '', LOOM_TEST_KEEP: '' } }, [
      command,
    ]);
    expect(seen).toEqual([
      ['1', true, 5],
      ['2', true, 4],
      [undefined, false, 3],
    ]);
  });

  test('may not ask for what it did not declare', async () => {
    for (const ask of [
      (call: Call) => call.text('colour'),
      (call: Call) => call.argument('size'),
      (call: Call) => call.variadicArgument('size'),
    ]) {
      const result = await record(['store', 'put', 'x'], {}, [probe(async (call) => void ask(call))]);
      expect(result.stderr).toContain('which it does not declare');
      expect(result.exitCode).toBe(1);
    }
  });

  test('takes a value that begins with a dash after its option, and anything after --', async () => {
    const seen: unknown[] = [];
    const command = probe(async (call) => void seen.push(call.argument('thing'), call.text('size')));
    expect((await record(['store', 'put', '--size', '-1', '--', '-1'], {}, [command])).stderr).toBe('');
    expect(seen).toEqual(['-1', '-1']);
  });
});

describe('misuse exits 2 and names the word', () => {
  test.each([
    [['stoer'], 'UNKNOWN_COMMAND', '"stoer" is no command of `loom`; did you mean store?'],
    [['frobnicate', 'x'], 'UNKNOWN_COMMAND', '"frobnicate" is no command of `loom`\n'],
    [['store', 'pt', 'x'], 'UNKNOWN_COMMAND', '"pt" is no command of `loom store`; did you mean put?'],
    [['store', 'put'], 'MISSING_ARGUMENT', '`loom store put` needs <thing>'],
    [
      ['store', 'put', 'x', '--siez', '1'],
      'UNKNOWN_OPTION',
      '"--siez" is no option of `loom store put`; did you mean --size?',
    ],
    [['store', 'put', 'x', '--replica=2'], 'UNKNOWN_OPTION', 'did you mean --replicas?'],
    [['--sizes'], 'UNKNOWN_OPTION', '"--sizes" is no option of `loom`'],
    [['store', 'put', 'x', '--size'], 'INVALID_OPTION', '--size needs a value'],
    [['store', 'put', 'z'], 'INVALID_OPTION', 'thing is "z", which is none of x, y, -1'],
    [
      ['store', 'put', 'x', '-o', 'jsno'],
      'INVALID_OPTION',
      '--output is "jsno", which is none of table, json; did you mean json?',
    ],
  ])('%j', async (argv, code, why) => {
    const { exitCode, stdout, stderr } = await record(argv, {}, [nothing]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^loom: ${code}: .*\\.\n {2}why: .*\n {2}remedy: .*\\.\n$`));
    expect(stderr).toContain(why);
  });

  test('of a variable names the variable', async () => {
    const { exitCode, stderr } = await record(
      ['store', 'put', 'x'],
      { environment: { LOOM_OUTPUT: 'xml' } },
      [nothing],
    );
    expect(exitCode).toBe(2);
    expect(stderr).toContain('LOOM_OUTPUT is "xml"');
  });

  test('with -o json is JSON, wherever the option stands', async () => {
    for (const argv of [
      ['-o', 'json', 'stoer'],
      ['stoer', '--output=json'],
      ['stoer', '-ojson'],
    ]) {
      const { stdout, stderr } = await record(argv, {}, [nothing]);
      expect(stdout).toBe('');
      expect(JSON.parse(stderr)).toEqual({
        error: {
          code: 'UNKNOWN_COMMAND',
          message: '"stoer" is no command of `loom`; did you mean store?',
          remedy: 'Run `loom --help` to see the commands.',
          details: { word: 'stoer', suggestion: 'store' },
        },
      });
    }
  });
});

describe('an error', () => {
  const error = new LoomError('NOT_RUNNING', 'nothing runs on /d', {
    details: { folder: '/d' },
    cause: new Error('deep'),
  });

  test('is three lines: what, why, what to do; the table gives the exit code', async () => {
    expect(await record(['store', 'put', 'x'], {}, failing(error))).toEqual({
      exitCode: 3,
      stdout: '',
      stderr:
        'loom: NOT_RUNNING: No Loom serves this data folder.\n' +
        '  why: nothing runs on /d\n' +
        '  remedy: Start one with `loom dev`, or name the folder of a running one with --data-dir.\n',
    });
  });

  test('shows its stack and its causes with --debug only', async () => {
    const debug = await record(['store', 'put', 'x', '--debug'], {}, failing(error));
    expect(debug.stderr).toMatch(/\n {2}LoomError: NOT_RUNNING.*\n {2} +at .*\n/);
    expect(debug.stderr).toContain('caused by Error: deep');
    const json = await record(
      ['store', 'put', 'x', '-o', 'json'],
      { environment: { LOOM_DEBUG: '1' } },
      failing(error),
    );
    expect(JSON.parse(json.stderr).error.stack.join('\n')).toContain('caused by Error: deep');
  });

  test('without a code is INTERNAL, also when it is no Error', async () => {
    for (const thrown of [new TypeError('x is not a function'), 'text', undefined]) {
      const { exitCode, stderr } = await record(['store', 'put', 'x'], {}, failing(thrown));
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(/^loom: INTERNAL: /);
    }
  });

  test('cannot command the terminal', async () => {
    const { stderr } = await record(
      ['store', 'put', 'x'],
      {},
      failing(new LoomError('INTERNAL', 'a\u001b[2Jb\nc\u202e')),
    );
    expect(stderr).toContain('why: a\\x1b[2Jb\\x0ac\\u202e\n');
  });

  test('is red on a terminal, and plain where colour is not wanted', async () => {
    const red = async (argv: string[], environment: Record<string, string> = {}): Promise<boolean> => {
      const { stderr } = await record(
        ['store', 'put', 'x', ...argv],
        { stderrIsTty: true, environment },
        failing(error),
      );
      return stderr.includes('\u001b[31m');
    };
    expect(await red([])).toBe(true);
    expect(await red(['--no-color'])).toBe(false);
    expect(await red([], { NO_COLOR: '1' })).toBe(false);
    expect(await red([], { NO_COLOR: '' })).toBe(true);
    expect(await red([], { TERM: 'dumb' })).toBe(false);
  });
});

describe('an interruption', () => {
  function aborted(reason: unknown): AbortSignal {
    return AbortSignal.abort(reason);
  }
  const stopped = new LoomError('CANCELLED', 'stopped by SIGINT');

  test('by Ctrl-C exits 130 without a word more than the one said when it came', async () => {
    const signal = aborted(stopped);
    for (const thrown of [stopped, new DOMException('aborted', 'AbortError')]) {
      expect(await record(['store', 'put', 'x'], { signal }, failing(thrown))).toMatchObject({
        exitCode: 130,
        stderr: '',
      });
    }
    const json = await record(['store', 'put', 'x', '-o', 'json'], { signal }, failing(stopped));
    expect(JSON.parse(json.stderr).error.code).toBe('CANCELLED');
  });

  test('that the command answers by ending well is no failure', async () => {
    expect(await record(['store', 'put', 'x'], { signal: aborted(stopped) }, [nothing])).toMatchObject({
      exitCode: 0,
    });
  });

  test('by a reader that has seen enough is no failure and says nothing', async () => {
    const signal = aborted(new ReaderGone());
    const ten = probe(() => Promise.resolve(10));
    for (const commands of [failing(new Error('write EPIPE')), [ten]]) {
      expect(await record(['store', 'put', 'x'], { signal }, commands)).toEqual({
        exitCode: 0,
        stdout: '',
        stderr: '',
      });
    }
  });

  test('an abort that nobody asked for is INTERNAL', async () => {
    const { stderr } = await record(
      ['store', 'put', 'x'],
      {},
      failing(new DOMException('aborted', 'AbortError')),
    );
    expect(stderr).toMatch(/^loom: INTERNAL/);
  });
});
