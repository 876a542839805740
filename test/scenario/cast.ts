import type { ActorRef } from '../../src/runtime/actor-ref.ts';
import type { BehaviorSettings, SpawnOptions } from '../../src/runtime/behavior.ts';
import type { OverflowPolicy } from '../../src/runtime/mailbox.ts';
import type { FailureDirective, RestartType, Strategy } from '../../src/runtime/supervision.ts';
import type { Turn } from '../../src/runtime/turn.ts';
import { fail, type Puppet, type PuppetContext, puppet } from '../runtime/engine/puppet.ts';
import type { World } from '../runtime/engine/world.ts';

export interface Casting {
  readonly world: World;
  readonly say: (text: string) => void;
  readonly born: (path: string, ref: ActorRef<typeof Puppet>) => void;
}

export interface Role {
  readonly settings: BehaviorSettings;
  readonly children: Role[];
  spawn(casting: Casting, parent?: PuppetContext): void;
}

interface Options {
  supervise: { strategy?: Strategy; maxRestarts?: number; withinMs?: number };
  restart: {
    type?: RestartType;
    backoff: { minMs?: number; maxMs?: number; factor?: number; jitter: number };
  };
  mailbox: { capacity?: number; overflow?: OverflowPolicy };
  stopMs?: number;
  stashCapacity?: number;
  onFailure?: FailureDirective;
  hookMs?: number;
}

const setters: Readonly<Record<string, (options: Options, value: string) => void>> = {
  strategy: (options, value) => {
    options.supervise.strategy = value as Strategy;
  },
  'max-restarts': (options, value) => {
    options.supervise.maxRestarts = Number(value);
  },
  within: (options, value) => {
    options.supervise.withinMs = Number(value.replace('ms', ''));
  },
  restart: (options, value) => {
    options.restart.type = value as RestartType;
  },
  /** `10..1000x2`: the first delay, the longest, the factor. */
  backoff: (options, value) => {
    const match = /^(\d+)\.\.(\d+)x(\d+)$/.exec(value);
    if (match === null) throw new Error(`"${value}" is no backoff: write 10..1000x2`);
    const [minMs, maxMs, factor] = match.slice(1).map(Number) as [number, number, number];
    options.restart.backoff = { minMs, maxMs, factor, jitter: 0 };
  },
  mailbox: (options, value) => {
    const [capacity, overflow] = value.split('/');
    options.mailbox = { capacity: Number(capacity), overflow: (overflow ?? 'reject') as OverflowPolicy };
  },
  stop: (options, value) => {
    options.stopMs = Number(value.replace('ms', ''));
  },
  stash: (options, value) => {
    options.stashCapacity = Number(value);
  },
  'on-failure': (options, value) => {
    options.onFailure = value as FailureDirective;
  },
  /** How long its stop hook takes. */
  hook: (options, value) => {
    options.hookMs = Number(value.replace('ms', ''));
  },
};

/** An actor of the tree: its name and `option=value` words. */
export function roleOf([name = '', ...words]: readonly string[]): Role {
  const options: Options = { supervise: {}, restart: { backoff: { jitter: 0 } }, mailbox: {} };
  for (const word of words) {
    const [key = '', value = ''] = word.split('=');
    const set = setters[key];
    if (set === undefined) throw new Error(`no such option: ${word}`);
    set(options, value);
  }
  const { hookMs, onFailure, ...settings } = options;
  const children: Role[] = [];
  return {
    settings,
    children,
    spawn(casting, parent) {
      const { world, say, born } = casting;
      const path = parent === undefined ? name : `${parent.self.address.replace(/^n1\//, '')}/${name}`;
      const behavior = puppet([], {
        ...settings,
        setup: (context) => {
          for (const child of children) child.spawn(casting, context);
          if (hookMs !== undefined)
            context.onStop(async () => {
              say(`${path} cleans up for ${hookMs} ms`);
              await new Promise<void>((resolve) => world.clock.after(hookMs, resolve));
            });
        },
      });
      const how: SpawnOptions = onFailure === undefined ? { name } : { name, onFailure };
      born(path, parent === undefined ? world.system.spawn(behavior, how) : parent.spawn(behavior, how));
    },
  };
}

/** Answers whatever the message asks for: a signal's reply goes nowhere. */
type Deed = (context: PuppetContext, turn: Turn<never>) => Promise<never>;

/** What a message makes its actor do: one deed, or several joined by `then`. */
export function deedOf(words: readonly string[], world: World, say: (text: string) => void): Deed {
  const parts = words.join(' ').split(' then ');
  const counts = countsOf(world);
  return async (context, turn) => {
    const path = context.self.address.replace(/^n1\//, '');
    let answer: unknown;
    for (const part of parts) {
      const [verb = '', ...rest] = part.split(' ');
      const text = rest.join(' ');
      switch (verb) {
        case 'say':
          say(`${path} says ${text}`);
          break;
        case 'count': {
          const key = `${path} ${context.incarnation}`;
          counts.set(key, (counts.get(key) ?? 0) + 1);
          say(`${path} counts ${counts.get(key)} in incarnation ${context.incarnation}`);
          break;
        }
        case 'answer':
          answer = text;
          break;
        case 'fail':
          return fail(text);
        case 'hold':
          await new Promise<void>((resolve) => world.clock.after(Number(text.replace('ms', '')), resolve));
          break;
        case 'obey':
          await new Promise<void>((_resolve, reject) => {
            turn.signal.addEventListener('abort', () => {
              say(`${path} is told to give up`);
              reject(turn.signal.reason as Error);
            });
          });
          break;
        case 'timer': {
          const [delay = '', ...spoken] = rest;
          context.after(Number(delay.replace('ms', '')), (self) => {
            self.act(deedOf(['say', ...spoken], world, say));
          });
          break;
        }
        case 'stash': {
          const [incarnation = '', ...rememberedAs] = rest;
          if (Number(incarnation) === context.incarnation) context.stash();
          else say(`${path} takes up ${rememberedAs.join(' ')}`);
          break;
        }
        case 'unstash':
          context.unstash();
          break;
        case 'stop':
          context.stop();
          break;
        case 'ask': {
          const [to = '', ...deed] = rest;
          const target = world.system.find(to) as ActorRef<typeof Puppet>;
          const result = await context.to(target).attempt.call(deedOf(deed, world, say));
          say(
            `${path} hears ${result.ok ? (JSON.stringify(result.value) ?? 'its reply') : result.error.code} from ${to}`,
          );
          break;
        }
        default:
          throw new Error(`no such deed: ${verb}`);
      }
    }
    return answer as never;
  };
}

const counters = new WeakMap<World, Map<string, number>>();

/** The actors' private counters, one for each incarnation. */
function countsOf(world: World): Map<string, number> {
  const counts = counters.get(world) ?? new Map<string, number>();
  counters.set(world, counts);
  return counts;
}
