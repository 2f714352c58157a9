// The history's own thread: nothing that SQLite does can delay a round or an answer of the main one.

import { parentPort, workerData } from 'node:worker_threads';
import { HistoryKeeper } from './history-keeper.ts';
import type { HistoryCommand, HistoryReport, HistorySetup } from './history-messages.ts';
import { HistoryUnavailable } from './path-history.ts';

const port = parentPort;
if (port === null) throw new Error('This module is the entry of a worker thread');

const say = (report: HistoryReport): void => port.postMessage(report);
const keeper = new HistoryKeeper(
  workerData as HistorySetup,
  {
    epoch: () => Date.now(),
    after: (delayMs, callback) => {
      const timer = setTimeout(callback, delayMs);
      return () => clearTimeout(timer);
    },
  },
  (state) => say({ type: 'state', state }),
);

port.on('message', (command: HistoryCommand) => {
  switch (command.type) {
    case 'batch':
      keeper.take(command);
      return;
    case 'query':
      answer(command.id, () => keeper.answer(command.name, command.args));
      return;
    case 'flush':
      answer(command.id, async () => {
        keeper.flush();
        say({ type: 'state', state: keeper.state });
        return null;
      });
      return;
    case 'retain':
      keeper.retention = command;
      return;
    case 'close':
      keeper.close();
      say({ type: 'state', state: keeper.state });
      say({ type: 'closed' });
      port.close();
  }
});

function answer(id: number, ask: () => Promise<unknown>): void {
  ask().then(
    (value) => say({ type: 'answer', id, value }),
    (error: unknown) => {
      const code = error instanceof HistoryUnavailable ? error.code : 'out-of-order';
      say({ type: 'refusal', id, code, message: error instanceof Error ? error.message : String(error) });
    },
  );
}

await keeper.start();
say({ type: 'state', state: keeper.state });
