/** Moleculer's local call: a service of one broker, without a transporter; `timeout` is its requestTimeout. */
import { ServiceBroker } from 'moleculer';
import { askInFlight, askSequentially, main, perSecond } from './pace.mjs';

async function caller(requestTimeout) {
  const broker = new ServiceBroker({ logger: false, requestTimeout });
  broker.createService({
    name: 'counter',
    actions: {
      async next(context) {
        return context.params.value + 1;
      },
    },
  });
  await broker.start();
  return (value) => broker.call('counter.next', { value });
}

await main({
  'ask-sequential': async () => perSecond(askSequentially(await caller(0))),
  'ask-sequential-timeout': async () => perSecond(askSequentially(await caller(10_000))),
  'ask-100-in-flight': async () => perSecond(askInFlight(await caller(0), 100)),
  'ask-100-in-flight-timeout': async () => perSecond(askInFlight(await caller(10_000), 100)),
});
