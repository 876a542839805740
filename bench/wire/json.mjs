/** JSON by way of UTF-8 bytes, since bytes are what travels. */
import { main, perSecond } from '../local/pace.mjs';
import { batches, body } from './body.mjs';

const bytes = Buffer.from(JSON.stringify(body));
const encode = () => Buffer.from(JSON.stringify(body));
const decode = (from) => JSON.parse(from.toString('utf8'));

await main({
  bytes: async () => bytes.length,
  encode: () => perSecond(batches(encode)),
  decode: () => perSecond(batches(() => decode(bytes))),
  'encode-decode': () => perSecond(batches(() => decode(encode()))),
});
