// One sentence that answers: is it the network, where, since when? Pure.

import type { ApiRoute, ApiTarget } from '../src/http/api-shapes.ts';
import { formatAsn, formatCount, formatMs, formatRatio } from './figure-text.ts';
import { latestLoss } from './recent-window.ts';

/** What stands above everything else that is known of a target. `route` is of the period that is looked at. */
export function verdictOf(target: ApiTarget, route: ApiRoute | null): string {
  if (target.state === 'pending') return 'Waiting for the first measurement.';
  if (target.state === 'failed') return `Cannot be measured: ${target.reason ?? 'no reason is known'}`;
  if (target.state === 'stale') return `No fresh measurement: ${target.reason ?? 'none came in time.'}`;
  if (target.state === 'unreachable') return unreachable(target, route);
  const hops = target.hops === null ? '' : ` in ${formatCount(target.hops, 'hop')}`;
  const reached = `Reached${hops}, ${formatMs(target.rttMs)}`;
  const loss = route?.lossRatio ?? latestLoss(target.recent) ?? 0;
  if (loss === 0) return `${reached}, nothing lost.`;
  const place = route?.lossStartHop ?? null;
  const where = place === null ? '' : `, from hop ${place} on${atHop(route, place)}`;
  return `${reached}; ${formatRatio(loss)} lost${where}.`;
}

function unreachable(target: ApiTarget, route: ApiRoute | null): string {
  const answering = route?.nodes.filter(
    ({ address, answered, destination }) => address !== '' && answered > 0 && !destination,
  );
  const last = answering?.reduce((a, b) => (b.ttl > a.ttl ? b : a), answering[0] ?? { ttl: 0 });
  if (last === undefined || last.ttl === 0) return `Does not answer. ${target.reason ?? ''}`.trim();
  return `Does not answer; the last hop that does is ${last.ttl}${atHop(route, last.ttl)}.`;
}

function atHop(route: ApiRoute | null, ttl: number): string {
  const node = route?.nodes
    .filter((one) => one.ttl === ttl && one.address !== '')
    .toSorted((a, b) => b.share - a.share)[0];
  if (node === undefined) return '';
  const system = formatAsn(node.asn, node.asName);
  return ` (${node.address}${system === '' ? '' : `, ${system}`})`;
}
