// The thread that compares passwords, so that the server goes on meanwhile.

import { parentPort } from 'node:worker_threads';
import { compareSync } from 'bcryptjs';

interface Question {
  readonly id: number;
  readonly password: string;
  readonly hash: string;
}

parentPort?.on('message', ({ id, password, hash }: Question) => {
  parentPort?.postMessage({ id, same: compareSync(password, hash) });
});
