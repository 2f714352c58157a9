// Routers, links and hosts as the simulator wants them: defaults filled in, times in nanoseconds, addresses and
// extension structures as bytes. Plans are immutable; what a router remembers between packets is its Memory.

import { type Family, parseAddress } from '../src/wire/address.ts';
import {
  type ExtensionObject,
  encodeExtension,
  encodeInterfaceInformation,
  encodeMplsStack,
} from '../src/wire/icmp-extension.ts';
import { HASH, KIND } from './packet-view.ts';
import { type Prefix, parsePrefix } from './prefix.ts';
import { hashText } from './random.ts';
import type {
  FilterRule,
  HostAnswer,
  HostTraits,
  LinkTraits,
  Nat,
  Router,
  RouterInterface,
  RouterTraits,
  TokenBucket,
  Unreachable,
  UnreachableName,
} from './scenario.ts';

export const NS_PER_MS = 1e6;

export interface LinkPlan {
  readonly delayNs: number;
  readonly jitterNs: number;
  readonly loss: number;
  readonly replyLoss: number;
  readonly reorder: number;
  readonly reorderNs: number;
  readonly duplicate: number;
  readonly mtu: number;
}

/** What a responder remembers; outlives changes of its plan. */
export interface Memory {
  tokens: number;
  /** Time of the last refill. */
  refilledAtNs: number;
  /** IPv4 identification of its next reply. */
  identification: number;
}

export function newMemory(name: string): Memory {
  return { tokens: -1, refilledAtNs: 0, identification: hashText(name) & 0xffff };
}

/** How one responder makes its replies. */
export interface AnswerPlan {
  readonly memory: Memory;
  readonly rate: number;
  readonly delayNs: number;
  readonly jitterNs: number;
  readonly replyTtl: number;
  readonly returnHops: number;
  /** Longest quote in bytes: of the IP packet; 0 for the IP header and 8, -1 for the family's most. */
  readonly quote: number;
  readonly quotedTtl: number;
  readonly extensionLength: boolean;
  /** Of its ICMP errors; null for no limit. */
  readonly limit: TokenBucket | null;
}

/** The face that a router shows towards one neighbour. */
export interface Face {
  /** Empty where it has no address in the family. */
  readonly v4: readonly Uint8Array[];
  readonly v6: readonly Uint8Array[];
  /** RFC 4884 extension structure, or null. */
  readonly extension: Uint8Array | null;
}

export interface UnreachablePlan {
  readonly v4: number;
  readonly v6: number;
}

export interface FilterPlan {
  /** Bits of KIND. */
  readonly kinds: number;
  readonly ports: readonly number[] | null;
  readonly prefix: Prefix | null;
  /** Null: drop without a word. */
  readonly unreachable: UnreachablePlan | null;
}

export interface NatPlan {
  readonly source: { readonly v4: Uint8Array | null; readonly v6: Uint8Array | null };
  readonly destination: { readonly v4: Uint8Array | null; readonly v6: Uint8Array | null };
  /** -1 for what it was. */
  readonly port: number;
  readonly restores: NonNullable<Nat['restores']>;
}

export interface RouterPlan {
  readonly name: string;
  readonly answer: AnswerPlan;
  /** Bits of KIND for which it says nothing. */
  readonly silent: number;
  readonly face: Face;
  /** By the neighbour's name. */
  readonly faces: ReadonlyMap<string, Face>;
  readonly salt: number;
  /** Mask for `PacketView.flowHash`. */
  readonly hash: number;
  /** Traffic class bits it writes, or -1. */
  readonly dscp: number;
  /** ECN bits it writes, or -1. */
  readonly ecn: number;
  readonly nat: NatPlan | null;
  readonly filters: readonly FilterPlan[];
  readonly mtuBlackhole: boolean;
  /** What it says of any MTU instead of the truth, or -1. */
  readonly reportedMtu: number;
}

export type HostReply =
  | { readonly kind: 'direct' | 'rst' | 'silent' }
  | { readonly kind: 'unreachable'; readonly codes: UnreachablePlan };

export interface HostPlan {
  readonly answer: AnswerPlan;
  readonly icmp: HostReply;
  readonly udp: HostReply;
  readonly tcp: HostReply;
  readonly tcpPorts: ReadonlyMap<number, HostReply>;
  readonly from: { readonly v4: Uint8Array | null; readonly v6: Uint8Array | null };
  readonly silentShare: number;
  readonly salt: number;
  readonly link: LinkPlan;
}

export function planLink(...layers: readonly (LinkTraits | undefined)[]): LinkPlan {
  const traits: LinkTraits = Object.assign({}, ...layers);
  return {
    delayNs: Math.round((traits.delayMs ?? 1) * NS_PER_MS),
    jitterNs: Math.round((traits.jitterMs ?? 0) * NS_PER_MS),
    loss: traits.loss ?? 0,
    replyLoss: traits.replyLoss ?? 0,
    reorder: traits.reorder ?? 0,
    reorderNs: Math.round((traits.reorderMs ?? 10) * NS_PER_MS),
    duplicate: traits.duplicate ?? 0,
    mtu: traits.mtu ?? 65535,
  };
}

/** `router` with `defaults` beneath it. Addresses have been checked by the schema. */
export function planRouter(
  name: string,
  router: Router,
  defaults: RouterTraits,
  memory: Memory,
  hashSeed: number,
): RouterPlan {
  const traits: Router = { ...defaults, ...router };
  const face = planFace(router, traits, undefined);
  return {
    name,
    answer: planAnswer(traits, traits.replyTtl ?? 255, traits.icmpLimit, memory),
    silent: silentKinds(traits.silent ?? false),
    face,
    faces: new Map((router.interfaces ?? []).map((port) => [port.from, planFace(router, traits, port)])),
    salt: hashText(name, hashSeed + (traits.hashSalt ?? 0)),
    hash:
      (traits.hash?.identifier ? HASH.identifier : 0) |
      (traits.hash?.flowLabel ? HASH.flowLabel : 0) |
      (traits.hash?.trafficClass ? HASH.trafficClass : 0),
    dscp: traits.dscp === undefined ? -1 : traits.dscp << 2,
    ecn: traits.ecn ?? -1,
    nat: traits.nat === undefined ? null : planNat(traits.nat),
    filters: (traits.filters ?? []).map(planFilter),
    mtuBlackhole: traits.mtuBlackhole ?? false,
    reportedMtu: traits.reportedMtu ?? -1,
  };
}

/** The host of the targets under `prefix`. */
export function planHost(
  prefix: string,
  traits: HostTraits,
  defaultLink: LinkTraits | undefined,
  memory: Memory,
): HostPlan {
  return {
    answer: planAnswer(traits, traits.replyTtl ?? 64, traits.icmpLimit, memory),
    icmp: planReply(traits.icmp ?? 'echo-reply'),
    udp: planReply(traits.udp ?? 'port-unreachable'),
    tcp: planReply(traits.tcp ?? 'rst'),
    tcpPorts: new Map(
      Object.entries(traits.tcpPorts ?? {}).map(([port, reply]) => [Number(port), planReply(reply)]),
    ),
    from: planPair(traits.answersFrom),
    silentShare: traits.silentShare ?? 0,
    salt: hashText(prefix),
    link: planLink(defaultLink, traits.link),
  };
}

export function addressOf(face: Face, family: Family): readonly Uint8Array[] {
  return family === 4 ? face.v4 : face.v6;
}

function planAnswer(
  traits: Omit<RouterTraits, 'silent'> | HostTraits,
  replyTtl: number,
  limit: TokenBucket | undefined,
  memory: Memory,
): AnswerPlan {
  const quote = traits.quote ?? 'full';
  const router = traits as RouterTraits;
  return {
    memory,
    rate: traits.answerRate ?? 1,
    delayNs: Math.round((traits.answerMs ?? 0) * NS_PER_MS),
    jitterNs: Math.round((traits.answerJitterMs ?? 0) * NS_PER_MS),
    replyTtl,
    returnHops: traits.returnHops ?? 0,
    quote: quote === 'minimal' ? 0 : quote === 'full' ? -1 : quote,
    quotedTtl: router.quotedTtl ?? 1,
    extensionLength: router.extensionLength ?? true,
    limit: limit ?? null,
  };
}

function silentKinds(silent: NonNullable<RouterTraits['silent']>): number {
  if (typeof silent === 'boolean') return silent ? KIND.icmp | KIND.udp | KIND.tcp | KIND.other : 0;
  return silent.reduce<number>((kinds, protocol) => kinds | KIND[protocol], 0);
}

function planFace(router: Router, traits: RouterTraits, port: RouterInterface | undefined): Face {
  const v4 = port?.v4 ?? router.v4;
  const v6 = port?.v6 ?? router.v6;
  const objects: ExtensionObject[] = [];
  if (traits.mpls !== undefined && traits.mpls.length > 0) objects.push(encodeMplsStack(traits.mpls));
  for (const information of traits.interfaceInformation ?? []) {
    objects.push(encodeInterfaceInformation(information));
  }
  if (port?.name !== undefined || port?.index !== undefined || port?.mtu !== undefined) {
    const { name, index, mtu } = port;
    const address = v4 ?? v6;
    objects.push(
      encodeInterfaceInformation({
        role: 'incoming',
        ...(index === undefined ? {} : { index }),
        ...(address === undefined ? {} : { address }),
        ...(name === undefined ? {} : { name }),
        ...(mtu === undefined ? {} : { mtu }),
      }),
    );
  }
  return {
    v4: (traits.aliases?.v4 ?? (v4 === undefined ? [] : [v4])).map(bytesOf),
    v6: (traits.aliases?.v6 ?? (v6 === undefined ? [] : [v6])).map(bytesOf),
    extension: objects.length === 0 ? null : extensionBytes(objects),
  };
}

function extensionBytes(objects: readonly ExtensionObject[]): Uint8Array {
  const bytes = new Uint8Array(1024);
  return bytes.slice(0, encodeExtension(objects, bytes, 0));
}

function planFilter(rule: FilterRule): FilterPlan {
  return {
    kinds: rule.protocol === 'any' ? 0xff : KIND[rule.protocol],
    ports: rule.ports ?? null,
    prefix: rule.prefix === undefined ? null : (parsePrefix(rule.prefix) ?? null),
    unreachable: rule.action === 'drop' ? null : codesOf(rule.action),
  };
}

function planNat(nat: Nat): NatPlan {
  return {
    source: planPair(nat.source),
    destination: planPair(nat.destination),
    port: nat.port ?? -1,
    restores: nat.restores ?? 'addresses',
  };
}

function planPair(pair: { readonly v4?: string; readonly v6?: string } | undefined): NatPlan['source'] {
  return {
    v4: pair?.v4 === undefined ? null : bytesOf(pair.v4),
    v6: pair?.v6 === undefined ? null : bytesOf(pair.v6),
  };
}

function planReply(
  reply: 'echo-reply' | 'port-unreachable' | 'udp-reply' | 'syn-ack' | 'rst' | HostAnswer,
): HostReply {
  if (typeof reply === 'object') return { kind: 'unreachable', codes: codesOf(reply) };
  if (reply === 'port-unreachable') return { kind: 'unreachable', codes: CODES.port };
  if (reply === 'rst' || reply === 'silent') return { kind: reply };
  return { kind: 'direct' };
}

function codesOf({ unreachable }: Unreachable): UnreachablePlan {
  return typeof unreachable === 'string' ? CODES[unreachable] : unreachable;
}

/** RFC 792 and RFC 1812 section 5.2.7.1 for IPv4, RFC 4443 section 3.1 for IPv6. */
const CODES: Readonly<Record<UnreachableName, UnreachablePlan>> = {
  network: { v4: 0, v6: 0 },
  host: { v4: 1, v6: 3 },
  protocol: { v4: 2, v6: 6 },
  port: { v4: 3, v6: 4 },
  'network-prohibited': { v4: 9, v6: 1 },
  'host-prohibited': { v4: 10, v6: 1 },
  'admin-prohibited': { v4: 13, v6: 1 },
};

function bytesOf(text: string): Uint8Array {
  const address = parseAddress(text);
  if (address === undefined) throw new RangeError(`not an address: ${text}`);
  return address;
}
