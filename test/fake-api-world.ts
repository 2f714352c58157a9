// A made-up world for the page: targets with paths, figures and changes over any time, the same for the same seed.
// Everything is a function of the time asked for, so a month costs no more than an hour.

import { createHash } from 'node:crypto';
import type {
  ApiAddress,
  ApiChange,
  ApiLink,
  ApiNode,
  ApiRoute,
  ApiSparkline,
  ApiTarget,
  ApiTargetState,
  ApiTimeline,
} from '../src/http/api-shapes.ts';

export interface FakeTarget {
  readonly key: string;
  readonly index: number;
  readonly host: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly address: string;
  readonly state: ApiTargetState;
  readonly lossRatio: number;
  readonly baseMs: number;
  /** Its paths: by TTL from 1 on, addresses of each hop; empty for a silent one. */
  readonly paths: readonly FakePath[];
  /** It changes path so often; 0 for never. */
  readonly turnMs: number;
}

export interface FakePath {
  readonly id: string;
  readonly hops: readonly (readonly ApiAddress[])[];
}

const SYSTEMS: readonly (readonly [number, string])[] = [
  [64496, 'Campus'],
  [64500, 'Northern Transit'],
  [64501, 'Blue Backbone'],
  [64511, 'Exchange Carrier Ltd'],
  [65540, 'Hosting & Sons'],
  [65551, 'Far Shore Networks'],
];

/** A number from 0 to 1 that is always the same for the same words. */
function chance(...words: readonly (string | number)[]): number {
  return createHash('sha256').update(words.join(' ')).digest().readUInt32BE() / 2 ** 32;
}

function hop(system: number, router: number): ApiAddress {
  const [asn, asName] = SYSTEMS[system] ?? [0, ''];
  const known = chance('named', system, router) > 0.25;
  return {
    address: `100.${64 + system}.${router >> 8}.${router & 255}`,
    name: known ? `ae${router % 7}.r${router}.pop${system}.example.net` : null,
    asn,
    asName,
    country: null,
  };
}

function makePaths(index: number, destination: ApiAddress): readonly FakePath[] {
  const far = Math.floor(chance('far', index) * 40);
  const variants = [1, 2, 3].map((variant): (readonly ApiAddress[])[] => [
    [hop(0, 1)],
    [hop(0, 2)],
    [hop(1, 10)],
    index % 3 === 0 ? [hop(1, 20), hop(1, 21), hop(1, 22), hop(1, 23)] : [hop(1, 20 + (index % 4))],
    [hop(1, 30 + (far % 5))],
    variant === 1 ? [hop(2, 40 + (far % 7))] : [hop(3, 80 + variant)],
    ...(variant === 1 ? [[hop(2, 50 + far)]] : [[hop(3, 90 + far)], [hop(3, 95 + far)]]),
    index % 5 === 0 ? [] : [hop(4, 100 + far)],
    [hop(5, 200 + far)],
    ...Array.from({ length: index % 4 }, (_, i) => [hop(5, 300 + far + i)]),
    [destination],
  ]);
  return variants.map((hops) => ({
    id: createHash('sha256').update(JSON.stringify(hops)).digest('hex').slice(0, 12),
    hops,
  }));
}

export interface WorldOptions {
  readonly targets: number;
  /** Put into names, labels and addresses of the first target. */
  readonly hostile?: string;
}

export class FakeWorld {
  readonly targets: readonly FakeTarget[];
  readonly #byKey: ReadonlyMap<string, FakeTarget>;

  constructor({ targets, hostile }: WorldOptions) {
    this.targets = Array.from({ length: targets }, (_, i) => makeTarget(i, i === 0 ? hostile : undefined));
    this.#byKey = new Map(this.targets.map((target) => [target.key, target]));
  }

  find(key: string): FakeTarget | undefined {
    return this.#byKey.get(key);
  }

  /** The path in force at an instant. */
  pathAt(target: FakeTarget, atMs: number): FakePath {
    const turn = target.turnMs === 0 ? 0 : Math.floor(atMs / target.turnMs);
    const path = target.paths[turn % 2 === 0 ? 0 : 1 + (Math.floor(turn / 2) % 2)];
    if (path === undefined) throw new Error('a target without paths');
    return path;
  }

  rttAt(target: FakeTarget, atMs: number): number {
    const detour = this.pathAt(target, atMs) === target.paths[0] ? 0 : 6 + 0.3 * target.baseMs;
    return target.baseMs + detour + target.baseMs * 0.06 * chance('rtt', target.index, atMs);
  }

  lossAt(target: FakeTarget, atMs: number): number {
    if (target.state === 'unreachable') return 1;
    if (target.lossRatio > 0) return target.lossRatio * (0.6 + 0.8 * chance('loss', target.index, atMs));
    return chance('loss', target.index, atMs) > 0.985 ? 0.1 : 0;
  }

  changesOf(target: FakeTarget, fromMs: number, toMs: number): readonly ApiChange[] {
    if (target.turnMs === 0) return [];
    const changes: ApiChange[] = [];
    const first = Math.max(Math.ceil(fromMs / target.turnMs), Math.floor(toMs / target.turnMs) - 200);
    for (let turn = first; turn * target.turnMs <= toMs; turn++) changes.push(this.#change(target, turn));
    return changes;
  }

  #change(target: FakeTarget, turn: number): ApiChange {
    const atMs = turn * target.turnMs;
    const [before, after] = [this.pathAt(target, atMs - 1), this.pathAt(target, atMs)];
    const pick = ({ hops }: FakePath): readonly (ApiAddress | null)[] =>
      hops.map((addresses) => addresses[0] ?? null);
    const [a, b] = [pick(before), pick(after)];
    const firstHop =
      1 +
      Math.max(
        0,
        a.findIndex((one, i) => one?.address !== b[i]?.address),
      );
    const [left, came] = [a[firstHop - 1]?.asn, b[firstHop - 1]?.asn];
    return {
      id: turn * 100_000 + target.index,
      target: target.key,
      host: target.host,
      atMs,
      kind: left === came ? 'reroute' : 'as_path',
      firstHop,
      flow: 0,
      confidence: 0.97,
      before: a,
      after: b,
      beforePathId: before.id,
      afterPathId: after.id,
      text: `hop ${firstHop} left AS${left} for AS${came}`,
      group: groupId(atMs, b[firstHop - 1]?.address ?? ''),
    };
  }

  /** What the list shows; `atMs` is now. */
  describe(target: FakeTarget, atMs: number): ApiTarget {
    const measured = target.state !== 'pending' && target.state !== 'failed';
    const path = this.pathAt(target, atMs);
    const ok = target.state === 'ok';
    return {
      key: target.key,
      host: target.host,
      labels: target.labels,
      module: 'icmp',
      protocol: target.index % 4 === 3 ? 'tcp' : 'icmp',
      port: target.index % 4 === 3 ? 443 : null,
      intervalMs: 10_000,
      expectedHops: target.index % 50 === 7 ? path.hops.length + 1 : null,
      state: target.state,
      reason: REASONS[target.state],
      address: measured ? target.address : null,
      lastRunAtMs: measured ? atMs - Math.floor(chance('run', target.index) * 10_000) : null,
      hops: ok ? path.hops.length : null,
      rttMs: ok ? this.rttAt(target, atMs) : null,
      lossRatio: measured ? this.lossAt(target, atMs) : null,
      paths: measured ? Math.max(...path.hops.map((addresses) => addresses.length)) : null,
      pathId: measured ? path.id : null,
      asPath: measured ? [64496, 64500, 64501, 65540, 65551] : [],
      lastChange: this.changesOf(target, atMs - 86_400_000, atMs).at(-1) ?? null,
      recent: this.#recent(target, atMs, measured),
    };
  }

  #recent(target: FakeTarget, atMs: number, measured: boolean): ApiSparkline {
    const stepMs = 60_000;
    const fromMs = (Math.floor(atMs / stepMs) - 59) * stepMs;
    const times = Array.from({ length: 60 }, (_, i) => fromMs + i * stepMs);
    const answers = measured && target.state !== 'unreachable';
    return {
      fromMs,
      stepMs,
      rttMs: times.map((at) => (answers ? this.rttAt(target, at) : null)),
      lossRatio: times.map((at) => (measured ? this.lossAt(target, at) : null)),
      path: times.map((at) => (measured ? target.paths.indexOf(this.pathAt(target, at)) : null)),
      paths: target.paths.map(({ id }) => id),
    };
  }

  timeline(target: FakeTarget, fromMs: number, toMs: number, points: number, nowMs: number): ApiTimeline {
    const stepMs = Math.max(10_000, Math.ceil((toMs - fromMs) / points / 1000) * 1000);
    const start = Math.ceil(fromMs / stepMs) * stepMs;
    const atMs: number[] = [];
    for (let at = start; at < Math.min(toMs, nowMs); at += stepMs) atMs.push(at);
    const measured = target.state !== 'pending' && target.state !== 'failed';
    const answers = measured && target.state !== 'unreachable';
    const rtts = atMs.map((at) => (answers ? this.rttAt(target, at) : null));
    const scaled = (factor: number): (number | null)[] =>
      rtts.map((rtt) => (rtt === null ? null : rtt * factor));
    return {
      fromMs,
      toMs,
      stepMs,
      atMs,
      runs: atMs.map(() => (measured ? Math.max(1, Math.round(stepMs / 10_000)) : 0)),
      rttMinMs: scaled(0.97),
      rttMedianMs: rtts,
      rttP95Ms: scaled(1.08),
      lossRatio: atMs.map((at) => (measured ? this.lossAt(target, at) : null)),
      hops: atMs.map((at) => (answers ? this.pathAt(target, at).hops.length : null)),
      path: atMs.map((at) => (measured ? target.paths.indexOf(this.pathAt(target, at)) : null)),
      paths: target.paths.map(({ id }) => id),
      changes: this.changesOf(target, fromMs, Math.min(toMs, nowMs)).slice(-500),
    };
  }

  route(target: FakeTarget, fromMs: number, toMs: number): ApiRoute {
    const shares = new Map<FakePath, number>();
    const samples = 60;
    for (let i = 0; i < samples; i++) {
      const path = this.pathAt(target, fromMs + ((toMs - fromMs) * (i + 0.5)) / samples);
      shares.set(path, (shares.get(path) ?? 0) + 1 / samples);
    }
    const nodes = new Map<string, ApiNode>();
    const links = new Map<string, ApiLink>();
    for (const [path, share] of shares) this.#addPath(target, path, share, nodes, links);
    const answers = target.state !== 'unreachable';
    return {
      fromMs,
      toMs,
      runs: Math.max(1, Math.round((toMs - fromMs) / 10_000)),
      reachedRuns: answers ? 1 : 0,
      pathId: this.pathAt(target, toMs).id,
      hopCount: answers ? this.pathAt(target, toMs).hops.length : null,
      lossRatio: answers ? target.lossRatio : 1,
      lossStartHop: target.lossRatio > 0 ? 6 : null,
      nodes: [...nodes.values()].filter(({ destination }) => answers || !destination),
      links: [...links.values()],
    };
  }

  #addPath(
    target: FakeTarget,
    path: FakePath,
    share: number,
    nodes: Map<string, ApiNode>,
    links: Map<string, ApiLink>,
  ): void {
    const silent: ApiAddress = { address: '', name: null, asn: null, asName: null, country: null };
    let before: readonly ApiAddress[] = [silent];
    nodes.set('0 ', makeNode(0, silent, 1, target, false));
    for (const [i, addresses] of path.hops.entries()) {
      const here = addresses.length === 0 ? [silent] : addresses;
      for (const one of here) {
        const key = `${i + 1} ${one.address}`;
        const own = share / here.length + (nodes.get(key)?.share ?? 0);
        nodes.set(key, makeNode(i + 1, one, Math.min(1, own), target, i + 1 === path.hops.length));
        for (const from of before) {
          const link = `${i} ${from.address} ${one.address}`;
          const part = share / (here.length * before.length) + (links.get(link)?.share ?? 0);
          const addedDelayMs = one.address === '' ? null : (target.baseMs / 10) * (i === 5 ? 5 : 0.6);
          links.set(link, {
            ttl: i,
            from: from.address,
            to: one.address,
            share: Math.min(1, part),
            addedDelayMs,
          });
        }
      }
      before = here;
    }
  }
}

function makeNode(
  ttl: number,
  at: ApiAddress,
  share: number,
  target: FakeTarget,
  destination: boolean,
): ApiNode {
  const answered = at.address === '' ? 0 : ttl === 3 ? 41 : 120;
  const median = (target.baseMs / 12) * Math.min(12, ttl);
  return {
    ...at,
    ttl,
    share,
    destination,
    sent: ttl === 0 ? 0 : 120,
    answered,
    rtt: answered === 0 || ttl === 0 ? null : { minMs: median * 0.95, medianMs: median, p95Ms: median * 1.2 },
    forwardLossRatio: at.address === '' || ttl === 0 ? null : ttl >= 6 ? target.lossRatio : 0,
    rateLimited: ttl === 3,
    mpls: ttl === 5 ? ['16001', '24'] : [],
  };
}

const REASONS: Readonly<Record<ApiTargetState, string | null>> = {
  ok: null,
  unreachable: 'No answer from the destination for 4 min.',
  failed: 'Does not resolve: NXDOMAIN.',
  stale: 'No measurement for 5 min, though one is due every 10 s.',
  pending: 'Waiting for the first measurement.',
};

function makeTarget(index: number, hostile: string | undefined): FakeTarget {
  const address = `198.18.${index >> 8}.${index & 255}`;
  const state: ApiTargetState =
    index % 97 === 5
      ? 'unreachable'
      : index % 211 === 9
        ? 'failed'
        : index % 307 === 11
          ? 'stale'
          : index % 401 === 13
            ? 'pending'
            : 'ok';
  const host =
    hostile ??
    `${['web', 'db', 'mail', 'edge', 'vpn'][index % 5]}-${index}.${['paris', 'oslo', 'lagos'][index % 3]}.example.org`;
  const destination = {
    address,
    name: hostile ?? host,
    asn: 65551,
    asName: hostile ?? 'Far Shore Networks',
    country: null,
  };
  return {
    key: `${host} icmp ${index}`,
    index,
    host,
    labels:
      hostile === undefined
        ? { site: ['paris', 'oslo', 'lagos'][index % 3] ?? '', team: `t${index % 4}` }
        : { note: hostile },
    address,
    state,
    lossRatio: index % 41 === 3 ? 0.15 : 0,
    baseMs: 4 + chance('base', index) * 90,
    paths: makePaths(index, destination),
    turnMs: index % 6 === 1 ? 11 * 60_000 : index % 6 === 4 ? 150 * 60_000 : 0,
  };
}

function groupId(atMs: number, address: string): string {
  return createHash('sha256').update(`${atMs} ${address}`).digest('hex').slice(0, 12);
}
