// Checks that a value is a scenario: shape first, then that every name it uses exists. A ScenarioError lists
// every fault with its place, as `routes.main.steps[2]: no router "r9"`.

import { z } from 'zod';
import { parseAddress } from '../src/wire/address.ts';
import { parsePrefix } from './prefix.ts';
import type {
  Branches,
  Change,
  Detour,
  FilterRule,
  HostTraits,
  Layer,
  Link,
  LinkTraits,
  Router,
  RouterTraits,
  Scenario,
  Step,
  Target,
  Tree,
  TreeLevel,
  TreeStep,
  WrittenTruth,
} from './scenario.ts';
import { checkNames } from './scenario-names.ts';

export interface ScenarioFault {
  /** `routes.main.steps[2]`; empty for the whole. */
  readonly place: string;
  readonly fault: string;
}

export class ScenarioError extends Error {
  readonly code = 'bad-scenario';
  readonly faults: readonly ScenarioFault[];
  constructor(faults: readonly ScenarioFault[]) {
    super(faults.map(({ place, fault }) => (place === '' ? fault : `${place}: ${fault}`)).join('\n'));
    this.name = 'ScenarioError';
    this.faults = faults;
  }
}

/** The scenario, or a ScenarioError with every fault found. */
export function parseScenario(value: unknown): Scenario {
  const parsed = scenarioSchema.safeParse(value);
  if (!parsed.success) throw new ScenarioError(parsed.error.issues.map(faultOf));
  const faults = checkNames(parsed.data);
  if (faults.length > 0) throw new ScenarioError(faults);
  return parsed.data;
}

/** A change sent to a running simulation; names are checked when it is applied. */
export function parseChange(value: unknown): Change {
  const parsed = changeSchema.safeParse(value);
  if (!parsed.success) throw new ScenarioError(parsed.error.issues.map(faultOf));
  return parsed.data;
}

function faultOf(issue: z.core.$ZodIssue): ScenarioFault {
  const place = issue.path.reduce<string>(
    (text, key) =>
      typeof key === 'number' ? `${text}[${key}]` : text === '' ? String(key) : `${text}.${String(key)}`,
    '',
  );
  return { place, fault: issue.message };
}

const optional = <T extends z.ZodType>(schema: T): z.ZodExactOptional<T> => z.exactOptional(schema);

const ms = z.number().min(0).max(1e9);
const share = z.number().min(0).max(1);
const count = z.number().int().min(0);
const isFamily = (family: 4 | 6) => (text: string) => parsePrefix(text)?.family === family;
const isAddress = (text: string): boolean => parseAddress(text) !== undefined;
const v4 = z.string().refine((text) => isAddress(text) && isFamily(4)(text), 'not an IPv4 address');
const v6 = z.string().refine((text) => isAddress(text) && isFamily(6)(text), 'not an IPv6 address');
const address = z.string().refine(isAddress, 'not an IPv4 or IPv6 address');
const prefix = z.string().refine((text) => parsePrefix(text) !== undefined, 'not an address or prefix');
const addressPair = z.strictObject({ v4: optional(v4), v6: optional(v6) });
const protocol = z.enum(['icmp', 'udp', 'tcp']);
const balance = z.enum(['flow', 'packet', 'destination']);
const bucket = z.strictObject({ perSecond: z.number().positive(), burst: z.number().min(1) });
const code = z.number().int().min(0).max(255);
const replyTtl = z.number().int().min(1).max(255);
const writtenMtu = z.strictObject({
  bytes: z.number().int().min(0).max(65_535),
  hop: z.number().int().min(0).max(255),
  address: z.union([address, z.null()]),
});
const quote = z.union([z.enum(['minimal', 'full']), z.number().int().min(28).max(1232)]);

const unreachable = z.strictObject({
  unreachable: z.union([
    z.enum([
      'network',
      'host',
      'protocol',
      'port',
      'network-prohibited',
      'host-prohibited',
      'admin-prohibited',
    ]),
    z.strictObject({ v4: code, v6: code }),
  ]),
});

const linkFields = {
  delayMs: optional(ms),
  jitterMs: optional(ms),
  loss: optional(share),
  replyLoss: optional(share),
  reorder: optional(share),
  reorderMs: optional(ms),
  duplicate: optional(share),
  mtu: optional(z.number().int().min(68).max(65535)),
};
const linkTraits: z.ZodType<LinkTraits> = z.strictObject(linkFields);
const link: z.ZodType<Link> = z.strictObject({ from: z.string(), to: z.string(), ...linkFields });

const filter: z.ZodType<FilterRule> = z.strictObject({
  protocol: z.union([protocol, z.literal('any')]),
  ports: optional(z.array(z.number().int().min(0).max(65535))),
  prefix: optional(prefix),
  action: z.union([z.literal('drop'), unreachable]),
});

const routerTraitFields = {
  silent: optional(z.union([z.boolean(), z.array(protocol)])),
  answerRate: optional(share),
  icmpLimit: optional(bucket),
  answerMs: optional(ms),
  answerJitterMs: optional(ms),
  replyTtl: optional(replyTtl),
  returnHops: optional(count),
  quote: optional(quote),
  quotedTtl: optional(z.number().int().min(0).max(255)),
  mpls: optional(
    z.array(
      z.strictObject({
        label: z.number().int().min(0).max(0xfffff),
        tc: z.number().int().min(0).max(7),
        bottom: z.boolean(),
        ttl: code,
      }),
    ),
  ),
  interfaceInformation: optional(
    z.array(
      z.strictObject({
        role: z.enum(['incoming', 'sub-ip', 'outgoing', 'next-hop']),
        index: optional(count),
        address: optional(address),
        name: optional(z.string().max(63)),
        mtu: optional(count),
      }),
    ),
  ),
  extensionLength: optional(z.boolean()),
  hash: optional(
    z.strictObject({
      identifier: optional(z.boolean()),
      flowLabel: optional(z.boolean()),
      trafficClass: optional(z.boolean()),
    }),
  ),
  hashSalt: optional(z.number().int()),
  dscp: optional(z.number().int().min(0).max(63)),
  ecn: optional(z.number().int().min(0).max(3)),
  nat: optional(
    z.strictObject({
      source: optional(addressPair),
      destination: optional(addressPair),
      port: optional(z.number().int().min(0).max(65_535)),
      restores: optional(z.enum(['all', 'addresses', 'none'])),
    }),
  ),
  filters: optional(z.array(filter)),
  mtuBlackhole: optional(z.boolean()),
  reportedMtu: optional(z.number().int().min(0).max(0xffffffff)),
  aliases: optional(z.strictObject({ v4: optional(z.array(v4)), v6: optional(z.array(v6)) })),
};
const routerTraits: z.ZodType<RouterTraits> = z.strictObject(routerTraitFields);

const routerFields = {
  v4: optional(v4),
  v6: optional(v6),
  interfaces: optional(
    z.array(
      z.strictObject({
        from: z.string(),
        v4: optional(v4),
        v6: optional(v6),
        name: optional(z.string().max(63)),
        index: optional(count),
        mtu: optional(count),
      }),
    ),
  ),
  link: optional(linkTraits),
  ...routerTraitFields,
};
const router: z.ZodType<Router> = z.strictObject(routerFields);
const routerPatch = z.strictObject(
  Object.fromEntries(
    Object.entries(routerFields).map(([key, field]) => [key, z.exactOptional(z.nullable(field.unwrap()))]),
  ),
) as unknown as z.ZodType<NonNullable<Change['routers']>[string]>;

const treeLevel: z.ZodType<TreeLevel> = z.strictObject({
  bits: z.number().int().min(0).max(24),
  width: optional(z.number().int().min(1).max(64)),
  balance: optional(balance),
  link: optional(linkTraits),
  spread: optional(share),
  router: optional(routerTraits),
  silentShare: optional(share),
  limitedShare: optional(share),
  limit: optional(bucket),
  skipShare: optional(share),
});
const tree: z.ZodType<Tree> = z.strictObject({
  v4: optional(prefix),
  v6: optional(prefix),
  levels: z.array(treeLevel).min(1).max(30),
  spares: optional(z.number().int().min(0).max(16)),
});

const layer: z.ZodType<Layer> = z.strictObject({
  layer: z.array(z.string()).min(1),
  mesh: optional(z.boolean()),
  balance: optional(balance),
});
const step: z.ZodType<Step> = z.lazy(() =>
  z.union(
    [
      z.string(),
      z.array(z.string()).min(1),
      layer,
      branches,
      z.strictObject({ tree }) as z.ZodType<TreeStep>,
    ],
    'not a router, a list of routers, {layer}, {branches} or {tree}',
  ),
);
const branches: z.ZodType<Branches> = z.strictObject({
  branches: z.array(z.array(step)).min(1),
  balance: optional(balance),
});
const route = z.strictObject({
  steps: z.array(step),
  next: optional(
    z.record(z.string(), z.strictObject({ to: z.array(z.string()).min(1), balance: optional(balance) })),
  ),
});

const hostAnswer = z.union([z.literal('silent'), unreachable]);
const tcpAnswer = z.union([z.enum(['syn-ack', 'rst']), hostAnswer]);
const host: z.ZodType<HostTraits> = z.strictObject({
  icmp: optional(z.union([z.literal('echo-reply'), hostAnswer])),
  udp: optional(z.union([z.enum(['port-unreachable', 'udp-reply']), hostAnswer])),
  tcp: optional(tcpAnswer),
  tcpPorts: optional(z.record(z.string().regex(/^[0-9]{1,5}$/, 'not a port'), tcpAnswer)),
  answersFrom: optional(addressPair),
  silentShare: optional(share),
  link: optional(linkTraits),
  answerMs: optional(ms),
  answerJitterMs: optional(ms),
  answerRate: optional(share),
  replyTtl: optional(replyTtl),
  returnHops: optional(count),
  quote: optional(quote),
  icmpLimit: optional(bucket),
});
const target: z.ZodType<Target> = z.strictObject({ prefix, route: z.string(), host: optional(host) });

const detour: z.ZodType<Detour> = z.strictObject({
  route: z.string(),
  level: count,
  target: address,
  spare: count,
});
const changeSchema: z.ZodType<Change> = z.strictObject({
  atMs: z.number().min(0),
  note: optional(z.string()),
  routers: optional(z.record(z.string(), routerPatch)),
  links: optional(z.array(link)),
  routes: optional(z.record(z.string(), route)),
  targets: optional(z.array(target)),
  detours: optional(z.array(detour)),
});

const written: z.ZodType<WrittenTruth> = z.strictObject({
  paths: optional(
    z.array(
      z.strictObject({
        target: address,
        atMs: optional(z.number()),
        protocols: optional(z.array(protocol)),
        hops: z.array(z.union([address, z.array(address), z.null()])),
        end: z.enum(['reached', 'unreachable', 'silent']),
        endAddress: optional(address),
        mtu: optional(writtenMtu),
      }),
    ),
  ),
  events: optional(
    z.array(
      z.strictObject({
        target: address,
        atMs: z.number(),
        kind: z.enum(['reroute', 'as_path', 'length', 'ecmp', 'unreachable', 'recovered', 'renamed']),
        firstHop: count,
      }),
    ),
  ),
});

const scenarioSchema: z.ZodType<Scenario> = z.strictObject({
  name: z.string().min(1),
  description: optional(z.string()),
  hashSeed: optional(z.number().int()),
  source: optional(addressPair),
  defaults: optional(
    z.strictObject({ router: optional(routerTraits), link: optional(linkTraits), host: optional(host) }),
  ),
  routers: z.record(z.string(), router),
  links: optional(z.array(link)),
  routes: z.record(z.string(), route),
  targets: z.array(target).min(1),
  changes: optional(z.array(changeSchema)),
  truth: optional(written),
});
