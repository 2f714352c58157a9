// What is known of the addresses in a trace, as people read it. Invariant: names that are slow to come hold a result up by
// NAMES_GRACE_MS at most, however many are asked for.

import type { AddressDirectory, AddressFacts } from '../path/address-facts.ts';
import type { Trace } from '../trace/trace.ts';
import type { TraceSession } from './trace-session.ts';

export type FactsOf = (address: string) => AddressFacts;

export interface HopDirectory extends AddressDirectory, Disposable {
  /** Resolves when every name that was asked for is known, or known not to be had. */
  namesSettled(): Promise<void>;
}

/** After a trace, names that were asked for while it ran may take so long. */
export const NAMES_GRACE_MS = 300;

/** `core1.example.net [AS64500]`; empty where nothing is known. */
export function factsText({ name, asn }: Pick<AddressFacts, 'name' | 'asn'>): string {
  return [name ?? '', asn === null ? '' : `[AS${asn}]`].filter((part) => part !== '').join(' ');
}

/** Has the names of all responders looked up: the sooner they are asked for, the less is to be waited for. */
export function askForNames(trace: Trace, directory: HopDirectory | null): void {
  if (directory === null) return;
  for (const { replies } of trace.hops) for (const { address } of replies) directory.factsOf(address);
}

/** Resolves when the names of a finished trace are there, or have had their time. */
export async function awaitNames(trace: Trace, session: TraceSession): Promise<void> {
  const { directory, services, stop } = session;
  if (directory === null || stop.aborted) return;
  askForNames(trace, directory);
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const cancel = services.clock.after(NAMES_GRACE_MS, resolve);
  await Promise.race([directory.namesSettled(), late]);
  cancel();
}
