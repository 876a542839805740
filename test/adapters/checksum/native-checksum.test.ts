import { expect, it } from 'vitest';
import { nativeChecksum } from '../../../src/adapters/checksum/native-checksum.ts';

const checksum = nativeChecksum();
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

it('gives the CRC32C of RFC 3720', () => {
  expect(checksum.crc32c(text('123456789'))).toBe(0xe3069283);
  expect(checksum.crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(checksum.crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
  expect(checksum.crc32c(new Uint8Array(0))).toBe(0);
});

it('continues a CRC32C from a seed', () => {
  expect(checksum.crc32c(text('6789'), checksum.crc32c(text('12345')))).toBe(0xe3069283);
});

it('reads views, not the buffers under them', () => {
  const whole = text('xx123456789xx');
  expect(checksum.crc32c(whole.subarray(2, 11))).toBe(0xe3069283);
  const hasher = checksum.blake3();
  hasher.update(whole.subarray(2, 2));
  expect(hasher.digestHex()).toBe('af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262');
});

it('gives the BLAKE3 of the reference, in one piece or many', () => {
  const expected = '6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85';
  const whole = checksum.blake3();
  whole.update(text('abc'));
  expect(whole.digestHex()).toBe(expected);
  const pieces = checksum.blake3();
  for (const piece of ['a', '', 'bc']) pieces.update(text(piece));
  expect(pieces.digestHex()).toBe(expected);
});
