// The scenario format: a simulated internet as data. Everything here can be written as JSON or YAML.
// lab/scenario-schema.ts checks it, lab/compile.ts makes tables of it, lab/truth.ts says what it must look like.
// Times are milliseconds, one way unless said otherwise; shares and probabilities are 0 to 1.

import type { PathChangeKind } from '../src/path/observation.ts';
import type { Protocol } from '../src/trace/network.ts';
import type { InterfaceInformation, MplsLabel } from '../src/trace/trace.ts';

export interface Scenario {
  readonly name: string;
  readonly description?: string;
  /** Changes which way every balancer sends every flow; default 0. */
  readonly hashSeed?: number;
  /** The vantage point's addresses; used by the in-process network and given to the TUN device. */
  readonly source?: { readonly v4?: string; readonly v6?: string };
  readonly defaults?: {
    readonly router?: RouterTraits;
    readonly link?: LinkTraits;
    readonly host?: HostTraits;
  };
  readonly routers: Readonly<Record<string, Router>>;
  /** Traits of particular links; they override the `link` of the router they lead to. */
  readonly links?: readonly Link[];
  readonly routes: Readonly<Record<string, Route>>;
  /** Longest prefix wins. */
  readonly targets: readonly Target[];
  /** In order of time. */
  readonly changes?: readonly Change[];
  /** What was written down by hand and must come out; checked by tests against lab/truth.ts and the packets. */
  readonly truth?: WrittenTruth;
}

/** The two ends of every path, where a link names them. No router may be called so. */
export const SOURCE = 'source';
export const HOST = 'host';

export interface LinkTraits {
  /** One way; default 1. */
  readonly delayMs?: number;
  /** Added uniformly from [0, jitterMs], each way. */
  readonly jitterMs?: number;
  /** Probability that a packet towards the target is lost on this link. */
  readonly loss?: number;
  /** Probability that a reply coming back over this link is lost. */
  readonly replyLoss?: number;
  /** Probability that a reply is held back by `reorderMs` (default 10), so that later ones overtake it. */
  readonly reorder?: number;
  readonly reorderMs?: number;
  /** Probability that a reply arrives twice. */
  readonly duplicate?: number;
  /** Longest IP packet that this link takes, in bytes; default 65535. */
  readonly mtu?: number;
}

export interface Link extends LinkTraits {
  readonly from: string;
  readonly to: string;
}

/** How traffic is spread over several next hops. */
export type Balance = 'flow' | 'packet' | 'destination';

/** An unreachable message: a name that stands for the right code in either family, or the codes themselves. */
export type UnreachableName =
  | 'network'
  | 'host'
  | 'protocol'
  | 'port'
  | 'network-prohibited'
  | 'host-prohibited'
  | 'admin-prohibited';

export interface Unreachable {
  readonly unreachable: UnreachableName | { readonly v4: number; readonly v6: number };
}

export interface TokenBucket {
  readonly perSecond: number;
  readonly burst: number;
}

export interface FilterRule {
  readonly protocol: Protocol | 'any';
  /** Destination ports of UDP and TCP; default all. */
  readonly ports?: readonly number[];
  /** Destinations; default all. */
  readonly prefix?: string;
  readonly action: 'drop' | Unreachable;
}

/** Rewrites packets on their way to the target. A `restores` of less than `all` shows in the quotes. */
export interface Nat {
  readonly source?: { readonly v4?: string; readonly v6?: string };
  readonly destination?: { readonly v4?: string; readonly v6?: string };
  /** Source port of UDP and TCP, identifier of ICMP. It is put back wherever addresses are. */
  readonly port?: number;
  /** What is put back in the quote of an error that comes back through: default `addresses` (the transport checksum stays). */
  readonly restores?: 'all' | 'addresses' | 'none';
}

/** Which header fields a balancer hashes beside addresses, protocol and the first four transport bytes. */
export interface HashFields {
  readonly identifier?: boolean;
  readonly flowLabel?: boolean;
  readonly trafficClass?: boolean;
}

export interface RouterTraits {
  /** Never answers, for all or for these protocols. */
  readonly silent?: boolean | readonly Protocol[];
  /** Share of its replies that it really sends; default 1. */
  readonly answerRate?: number;
  readonly icmpLimit?: TokenBucket;
  /** Time it takes to make a reply, beyond the links. */
  readonly answerMs?: number;
  readonly answerJitterMs?: number;
  /** Initial TTL of its replies; default 255. */
  readonly replyTtl?: number;
  /** Hops more on the way back than on the way out. */
  readonly returnHops?: number;
  /** Bytes of the probe that it quotes: `minimal` is the IP header and 8; `full` (default) as much as the RFCs allow. */
  readonly quote?: 'minimal' | 'full' | number;
  /** TTL in the quote; default 1. */
  readonly quotedTtl?: number;
  readonly mpls?: readonly MplsLabel[];
  readonly interfaceInformation?: readonly InterfaceInformation[];
  /** RFC 4884 length field present (default), or left zero as old equipment does. */
  readonly extensionLength?: boolean;
  readonly hash?: HashFields;
  /** Another number sends flows other ways, as when a member of a group of links comes or goes; default 0. */
  readonly hashSalt?: number;
  /** Writes this DSCP (0 to 63) into everything it forwards. */
  readonly dscp?: number;
  /** Writes these ECN bits (0 to 3) into what it forwards; 3, congestion, only into packets that are capable of it. */
  readonly ecn?: number;
  readonly nat?: Nat;
  readonly filters?: readonly FilterRule[];
  /** Drops what is too long for the next link without a word. */
  readonly mtuBlackhole?: boolean;
  /** What its "fragmentation needed" and "packet too big" say of the next link; default the truth. Old routers say 0. */
  readonly reportedMtu?: number;
  /** Each reply comes from one of these, by chance. */
  readonly aliases?: { readonly v4?: readonly string[]; readonly v6?: readonly string[] };
}

/** The address a router answers from when the probe came in from `from`. */
export interface RouterInterface {
  readonly from: string;
  readonly v4?: string;
  readonly v6?: string;
  /** Sent as interface information (RFC 5837, role incoming) where any of these is given. */
  readonly name?: string;
  readonly index?: number;
  readonly mtu?: number;
}

export interface Router extends RouterTraits {
  /** Without an address in a family it is silent in that family. */
  readonly v4?: string;
  readonly v6?: string;
  readonly interfaces?: readonly RouterInterface[];
  /** Of every link that leads to it. */
  readonly link?: LinkTraits;
}

/**
 * A route is its steps in order; the target's host comes after the last. A name is a router, an array of names is
 * a layer of parallel routers. `next` then replaces the successors of single routers: loops and odd meshes.
 */
export interface Route {
  readonly steps: readonly Step[];
  readonly next?: Readonly<Record<string, Successors>>;
}

export interface Successors {
  readonly to: readonly string[];
  readonly balance?: Balance;
}

export type Step = string | readonly string[] | Layer | Branches | TreeStep;

/** A layer of parallel routers; `mesh` links each of the layer before with each of this one. */
export interface Layer {
  readonly layer: readonly string[];
  readonly mesh?: boolean;
  /** How the routers before spread over it; default flow. */
  readonly balance?: Balance;
}

/** Parallel sub-paths, of any length and themselves branching. */
export interface Branches {
  readonly branches: readonly (readonly Step[])[];
  readonly balance?: Balance;
}

/** A procedurally grown tree in which targets near each other share routers; for a prefix of very many targets. */
export interface TreeStep {
  readonly tree: Tree;
}

export interface Tree {
  /** Where router addresses are taken from, in order of level and subtree. */
  readonly v4?: string;
  readonly v6?: string;
  readonly levels: readonly TreeLevel[];
  /** Standby routers for each place, for detours to use; default 0. */
  readonly spares?: number;
}

export interface TreeLevel {
  /** The subtrees at this level are told apart by so many leading host bits of the target's address. */
  readonly bits: number;
  /** Parallel routers for each subtree, chosen by `balance`; default 1. */
  readonly width?: number;
  readonly balance?: Balance;
  readonly link?: LinkTraits;
  /** The delay of each router's link is `delayMs` times a factor drawn from [1 - spread, 1 + spread]. */
  readonly spread?: number;
  readonly router?: RouterTraits;
  /** Share of routers that never answer. */
  readonly silentShare?: number;
  /** Share of routers that limit their replies to `limit`. */
  readonly limitedShare?: number;
  readonly limit?: TokenBucket;
  /** Share of subtrees that lack this level, which makes their paths shorter. */
  readonly skipShare?: number;
}

/** Sends the subtree that holds `target`, at this level, over the place's spare number `spare` (0: the normal one). */
export interface Detour {
  readonly route: string;
  readonly level: number;
  readonly target: string;
  readonly spare: number;
}

export type HostAnswer = 'silent' | Unreachable;

export interface HostTraits {
  readonly icmp?: 'echo-reply' | HostAnswer;
  readonly udp?: 'port-unreachable' | 'udp-reply' | HostAnswer;
  readonly tcp?: 'syn-ack' | 'rst' | HostAnswer;
  /** TCP ports that answer otherwise. */
  readonly tcpPorts?: Readonly<Record<string, 'syn-ack' | 'rst' | HostAnswer>>;
  /** Answers from this address instead of the target's. */
  readonly answersFrom?: { readonly v4?: string; readonly v6?: string };
  /** Share of the prefix's hosts that answer nothing. */
  readonly silentShare?: number;
  readonly link?: LinkTraits;
  readonly answerMs?: number;
  readonly answerJitterMs?: number;
  readonly answerRate?: number;
  /** Initial TTL of its replies; default 64. */
  readonly replyTtl?: number;
  readonly returnHops?: number;
  readonly quote?: 'minimal' | 'full' | number;
  /** Of its unreachable messages. */
  readonly icmpLimit?: TokenBucket;
}

export interface Target {
  /** An address, or a prefix of at most 2^24 hosts. */
  readonly prefix: string;
  readonly route: string;
  readonly host?: HostTraits;
}

/** What becomes different at a time: traits are merged into what stands, a null removes one; routes are replaced. */
export interface Change {
  readonly atMs: number;
  readonly note?: string;
  readonly routers?: Readonly<Record<string, Nullable<Router>>>;
  readonly links?: readonly Link[];
  readonly routes?: Readonly<Record<string, Route>>;
  readonly targets?: readonly Target[];
  readonly detours?: readonly Detour[];
}

export type Nullable<T> = { readonly [K in keyof T]?: T[K] | null };

export interface WrittenTruth {
  readonly paths?: readonly WrittenPath[];
  readonly events?: readonly WrittenEvent[];
}

export interface WrittenPath {
  readonly target: string;
  /** Default 0. */
  readonly atMs?: number;
  /** Default all three. */
  readonly protocols?: readonly Protocol[];
  /** By TTL from 1: the address, several where balanced, null for a hop that never answers. The host is not among them. */
  readonly hops: readonly (string | readonly string[] | null)[];
  /** How the path ends after the last of `hops`; a silent end may stand for a loop too. */
  readonly end: 'reached' | 'unreachable' | 'silent';
  /** Address that ends it, where it is not the target's own. */
  readonly endAddress?: string;
  /** What a search for the path MTU must find, from an interface that takes 1500 bytes. */
  readonly mtu?: WrittenMtu;
}

export interface WrittenMtu {
  readonly bytes: number;
  /** Router in front of the narrow link; 0 where nothing narrows the path. */
  readonly hop: number;
  /** Null where that router keeps silent. */
  readonly address: string | null;
}

export interface WrittenEvent {
  readonly target: string;
  readonly atMs: number;
  /** `renamed`: the same routers under another address; nothing that a monitor may call a reroute. */
  readonly kind: PathChangeKind | 'renamed';
  /** First TTL at which the path differs; 0 for unreachable and recovered. */
  readonly firstHop: number;
}
