import type { EmbeddedRegistryHandle } from '../../src/registry/embedded/handle.ts';
import { EmbeddedFixture } from '../registry/embedded-fixture.ts';
import { registryContract } from './registry-contract.ts';

registryContract('embedded, virtual time', async () => {
  const fixture = await new EmbeddedFixture().open();
  return {
    get registry() {
      return fixture.registry;
    },
    expiryWithinMs: 3000,
    advance: (ms) => fixture.advance(ms),
    settle: (call) => call,
    sever: (handle) => (handle as EmbeddedRegistryHandle).sever(),
    mend: (handle) => (handle as EmbeddedRegistryHandle).mend(),
    restart: () => fixture.restart(),
    close: () => fixture.registry.close(),
  };
});
