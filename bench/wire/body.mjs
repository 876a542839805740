/** A typical body: what a worker reports about one try at one chunk. Bytes are apart, since JSON has none. */
export const body = {
  job: 'readings-2026-01-01',
  chunk: 'b3:9f2c4d1a77e05b6c',
  attempt: 2,
  token: 1_234_567,
  offset: 104_857_600,
  length: 4_194_304,
  finished: true,
  seconds: 0.0731,
  replicas: ['aws-1', 'aws-2', 'gcp-1'],
  blocks: [
    { index: 0, crc32c: 3_735_928_559 },
    { index: 1, crc32c: 305_419_896 },
    { index: 2, crc32c: 2_596_069_104 },
  ],
  note: null,
};

const perBatch = 1000;

/** Rounds of `perBatch` calls for pace.mjs; `run` answers something, so that its work is not optimized away. */
export function batches(run) {
  let seen = 0;
  return async () => {
    for (let i = 0; i < perBatch; i++) seen += run() === undefined ? 1 : 0;
    if (seen > 0) throw new Error('a codec answered nothing');
    return perBatch;
  };
}
