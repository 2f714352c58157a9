// The real terminal, signals and exit of this process, as commands see them.
// Invariant: a reader of standard output that goes away ends the output, quietly, and is no crash.

import type { CliIo, StopSignal, Unsubscribe } from './cli-io.ts';

/** To be made once a process. */
export function processIo(): CliIo {
  const { stdin, stdout, stderr } = process;
  const pipe = new BrokenPipe();
  stdout.on('error', (error: NodeJS.ErrnoException) => pipe.failed(error));
  // There is nobody left to tell.
  stderr.on('error', () => {});
  return {
    stdout: {
      write: (text) => {
        if (!pipe.broken) stdout.write(text);
      },
    },
    stderr: { write: (text) => void stderr.write(text) },
    isTTY: stdout.isTTY === true,
    get columns() {
      return stdout.columns > 0 ? stdout.columns : 80;
    },
    get rows() {
      return stdout.rows > 0 ? stdout.rows : 24;
    },
    env: process.env,
    onSignal: (signal: StopSignal, listener) => subscribe(process, signal, listener),
    onResize: (listener) => subscribe(stdout, 'resize', listener),
    onKey: (listener) => (stdin.isTTY === true ? readKeys(stdin, listener) : undefined),
    onBrokenPipe: (listener) => pipe.subscribe(listener),
    onExit: (restore) => subscribe(process, 'exit', restore),
  };
}

interface Emitter {
  on(event: string, listener: () => void): unknown;
  off(event: string, listener: () => void): unknown;
}

function subscribe(emitter: Emitter, event: string, listener: () => void): Unsubscribe {
  const call = (): void => listener();
  emitter.on(event, call);
  return () => void emitter.off(event, call);
}

/** Raw mode: keys come one by one and unechoed, Ctrl-C among them. Ended by the result, or with the process. */
function readKeys(stdin: NodeJS.ReadStream, listener: (key: string) => void): Unsubscribe {
  const onData = (chunk: Buffer): void => {
    const text = chunk.toString('latin1');
    // Arrow and function keys send a sequence that begins with escape; they mean nothing here.
    if (text.startsWith('\x1b')) return;
    for (const key of text) listener(key);
  };
  const restore = (): void => void stdin.setRawMode(false);
  stdin.setRawMode(true);
  stdin.on('data', onData);
  stdin.resume();
  process.on('exit', restore);
  return () => {
    stdin.off('data', onData);
    stdin.pause();
    restore();
    process.off('exit', restore);
  };
}

class BrokenPipe {
  broken = false;
  readonly #listeners = new Set<() => void>();

  subscribe(listener: () => void): Unsubscribe {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  failed(error: NodeJS.ErrnoException): void {
    if (this.broken) return;
    this.broken = true;
    if (error.code !== 'EPIPE')
      process.stderr.write(`hopscope: Cannot write the results: ${error.message}\n`);
    for (const listener of [...this.#listeners]) listener();
  }
}
