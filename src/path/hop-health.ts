// Each hop in one line: how often it answers, what that means, and how long it takes. Invariant: a verdict on a hop rests
// on what the hops behind it answer, never on its own replies alone.

import type { HopDelay } from './delay-attribution.ts';
import type { HopHealth, HopVerdict, LossReport } from './loss.ts';
import type { AddressAt } from './loss-attribution.ts';
import { DESTINATION_ROW, type ReplyWindow, type Tally } from './reply-window.ts';
import { likelihoodRatio, wilsonInterval, Z_999 } from './statistics.ts';

/** Probes below which a hop's share of answers is not used for the loss before it. */
const LEAST_PROBES = 8;
/** More than this beyond the loss on the way is a hop's own doing. */
const OWN_SHARE = 0.005;
/** Chi-square with one degree of freedom at 2e-4: several hops behind are compared with. */
const OWN_RATIO = 13.8;

interface Row {
  readonly ttl: number;
  readonly row: number;
  readonly sent: number;
  readonly lost: number;
  readonly heard: boolean;
}

/** By TTL from 1 on, the destination last where its distance is known. */
export function hopHealth(
  window: ReplyWindow,
  loss: LossReport | null,
  delays: readonly (HopDelay | null)[],
  destination: string,
  addressAt: AddressAt,
): HopHealth[] {
  const rows = rowsOf(window);
  const forward = forwardLoss(rows);
  return rows.map((row, i) => {
    const { ttl, sent, lost } = row;
    const delay = delays[ttl - 1] ?? null;
    const answered = sent - lost;
    return {
      ttl,
      address: row.row === DESTINATION_ROW ? destination : firstAddress(window, ttl, addressAt),
      sent,
      answered,
      replyRate: sent === 0 ? 0 : answered / sent,
      interval: wilsonInterval(answered, sent),
      forwardLoss: forward[i] ?? null,
      verdict: verdictOn(i, rows, window, loss),
      rttMinMs: delay?.rttMinMs ?? null,
      rttMedianMs: delay?.rttMedianMs ?? null,
      rttP95Ms: delay?.rttP95Ms ?? null,
      addedDelayMs: delay?.addedMs ?? null,
      addedDelayInterval: delay?.addedInterval ?? null,
    };
  });
}

function rowsOf(window: ReplyWindow): Row[] {
  const every = 2 ** window.flows - 1;
  const end = window.distance;
  const rows: Row[] = [];
  const tally: Tally = { sent: 0, lost: 0 };
  for (let ttl = 1; ttl <= (end > 0 ? end : window.horizon); ttl++) {
    const row = ttl === end ? DESTINATION_ROW : ttl;
    const heard = window.tally(row, every, tally);
    const sent = heard ? tally.sent : window.sentIn(row, every);
    rows.push({ ttl, row, sent, lost: heard ? tally.lost : sent, heard });
  }
  return rows;
}

/** The least loss of each hop and of all that answer behind it; undefined behind the last that answers. */
export function forwardLoss(
  rows: readonly { readonly sent: number; readonly lost: number; readonly heard: boolean }[],
  leastProbes: number = LEAST_PROBES,
): (number | undefined)[] {
  const least: (number | undefined)[] = new Array<number | undefined>(rows.length).fill(undefined);
  let loss: number | undefined;
  for (let i = rows.length - 1; i >= 0; i--) {
    const { sent, lost, heard } = rows[i] as (typeof rows)[number];
    if (heard && (sent >= leastProbes || loss === undefined))
      loss = Math.min(loss ?? 1, lost / Math.max(1, sent));
    least[i] = loss;
  }
  return least;
}

function verdictOn(
  at: number,
  rows: readonly Row[],
  window: ReplyWindow,
  loss: LossReport | null,
): HopVerdict {
  const { ttl, row, lost, heard } = rows[at] as Row;
  if (!heard) return 'silent';
  const pattern = window.pattern(row);
  const shared = (loss?.startHop ?? 0) > 0 && ttl >= (loss?.startHop ?? 0);
  const own = leavesOut(at, rows, shared ? stepAt(loss, ttl) : null);
  if (pattern?.isLimited === true && lost > 0) return 'rate-limited';
  if (own) return pattern?.isClumped === true ? 'rate-limited' : 'quiet';
  return shared ? 'lossy' : 'clean';
}

/** Whether a hop misses more than the loss on the way, where that is named, or than some hop behind it does. */
function leavesOut(at: number, rows: readonly Row[], onTheWay: number | null): boolean {
  const { sent, lost } = rows[at] as Row;
  if (onTheWay !== null) return wilsonInterval(lost, sent, Z_999).low > onTheWay + OWN_SHARE;
  return rows.some(
    (other, i) =>
      i > at &&
      other.heard &&
      lost * other.sent > other.lost * sent &&
      likelihoodRatio(lost, sent, other.lost, other.sent) > OWN_RATIO,
  );
}

function stepAt(loss: LossReport | null, ttl: number): number {
  return loss?.steps.findLast(({ hop }) => hop <= ttl)?.lossRatio ?? 0;
}

function firstAddress(window: ReplyWindow, ttl: number, addressAt: AddressAt): string | null {
  for (let flow = 0; flow < window.flows; flow++) {
    const address = addressAt(flow, ttl);
    if (address !== '') return address;
  }
  return null;
}
