// A process that records runs as fast as it can until it is killed, and says after each flush how many are on disk.
// `node test/history-writer-process.ts FILE`

import { writeSync } from 'node:fs';
import { openDiskHistory } from '../src/history/disk-history.ts';
import { RunMaker } from './history-runs.ts';

const [, , path = ''] = process.argv;
const history = await openDiskHistory({ path, retentionMs: 1e12, rollUpRetentionMs: 1e12 });
const makers = Array.from({ length: 5 }, (_, i) => new RunMaker({ target: `t${i}` }));
let atMs = Date.now();
for (let runs = 0; ; ) {
  for (let i = 0; i < 40; i++) {
    atMs += 1000;
    for (const maker of makers) {
      const { run, path: taken } = maker.next(atMs);
      history.recordRun(run, taken);
      runs++;
    }
  }
  await history.flush();
  writeSync(1, `${runs}\n`);
}
