import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createProbeCodec } from '../src/trace/probe-codec.ts';
import { familyOf, parseAddress } from '../src/wire/address.ts';
import { checksum, onesComplementSubtract, pseudoHeaderSum } from '../src/wire/checksum.ts';
import { decodeInterfaceInformation, decodeMplsStack, findExtension } from '../src/wire/icmp-extension.ts';
import { readUint16, readUint32 } from '../src/wire/network-order.ts';
import { decodeTcp, TCP_FLAGS } from '../src/wire/tcp.ts';
import type { HostTraits, LinkTraits, RouterTraits, Scenario } from './scenario.ts';
import { createSimulator, type Delivery, type ProbeRecord, type Simulator } from './simulator.ts';

const MS = 1e6;
const codec = createProbeCodec({ secret: new Uint8Array(16).fill(9), identifierBase: 33_000 });
const SOURCE = { 4: '100.127.255.1', 6: '2001:db8:ffff::1' } as const;
const TARGET = { 4: '198.18.0.1', 6: '2001:db8:1::1' } as const;
const FAMILIES = [4, 6] as const;

type Family = 4 | 6;
type Shape = { ttl?: number; flow?: number; length?: number; df?: boolean; tos?: number; sequence?: number };

function probe(family: Family, protocol: 'icmp' | 'udp' | 'tcp', shape: Shape = {}): Uint8Array {
  const into = new Uint8Array(2048);
  const destination = parseAddress(TARGET[family]) as Uint8Array;
  const length = codec.encoder.encodePacket(
    {
      handle: 77,
      destination,
      destinationPort: protocol === 'icmp' ? 0 : protocol === 'udp' ? 33_434 : 443,
      flow: shape.flow ?? 0,
      ttl: shape.ttl ?? 64,
      sequence: shape.sequence ?? 5,
      packetLength: shape.length ?? 0,
      trafficClass: shape.tos ?? 0,
      dontFragment: shape.df ?? false,
    },
    protocol,
    parseAddress(SOURCE[family]) as Uint8Array,
    into,
    0,
  );
  return into.slice(0, length);
}

interface Parts {
  routers?: Readonly<Record<string, RouterTraits>>;
  links?: Readonly<Record<string, LinkTraits>>;
  host?: HostTraits;
}

/** r1 to r3 in a row, each link 1 ms, with these traits. */
function scenario({ routers = {}, links = {}, host = {} }: Parts = {}): Scenario {
  const names = ['r1', 'r2', 'r3'];
  return {
    name: 'test',
    routers: Object.fromEntries(
      names.map((name, i) => [name, { v4: `100.64.0.${i + 1}`, v6: `2001:db8::${i + 1}`, ...routers[name] }]),
    ),
    links: Object.entries(links).map(([key, traits]) => {
      const [from = '', to = ''] = key.split('>');
      return { from, to, ...traits };
    }),
    routes: { main: { steps: names } },
    targets: [
      { prefix: TARGET[4], route: 'main', host },
      { prefix: TARGET[6], route: 'main', host },
    ],
  };
}

function simulate(parts: Parts = {}, seed = 1): Simulator {
  return createSimulator(scenario(parts), seed);
}

function one(deliveries: Delivery[]): Delivery {
  assert.equal(deliveries.length, 1);
  return deliveries[0] as Delivery;
}

/** Where the ICMP message starts. */
const at = (family: Family): number => (family === 4 ? 20 : 40);

function assertSound(bytes: Uint8Array): void {
  const family = (bytes[0] as number) >> 4 === 4 ? 4 : 6;
  const source = new Uint8Array(16);
  const destination = new Uint8Array(16);
  if (family === 4) {
    assert.equal(checksum(bytes, 0, 20), 0);
    assert.equal(readUint16(bytes, 2), bytes.length);
    source.set([0xff, 0xff], 10);
    source.set(bytes.subarray(12, 16), 12);
    destination.set([0xff, 0xff], 10);
    destination.set(bytes.subarray(16, 20), 12);
  } else {
    assert.equal(readUint16(bytes, 4) + 40, bytes.length);
    source.set(bytes.subarray(8, 24));
    destination.set(bytes.subarray(24, 40));
  }
  const protocol = bytes[family === 4 ? 9 : 6] as number;
  const pseudo =
    protocol === 1 ? 0 : pseudoHeaderSum(source, destination, protocol, bytes.length - at(family));
  assert.equal(checksum(bytes, at(family), bytes.length, pseudo), 0);
}

for (const family of FAMILIES) {
  const icmp = at(family);
  describe(`createSimulator(), IPv${family}`, () => {
    it('answers an expiring probe with time exceeded, the probe quoted as it came in', () => {
      for (const protocol of ['icmp', 'udp', 'tcp'] as const) {
        const sent = probe(family, protocol, { ttl: 2 });
        const { atNs, bytes } = one(simulate().receive(sent, 5 * MS));
        assert.equal(atNs, 9 * MS);
        assertSound(bytes);
        assert.equal(bytes[icmp], family === 4 ? 11 : 3);
        assert.equal(bytes[family === 4 ? 8 : 7], 254);
        const quote = bytes.slice(icmp + 8);
        assert.equal(quote[family === 4 ? 8 : 7], 1);
        if (family === 4) assert.equal(checksum(quote, 0, 20), 0);
        const expected = Uint8Array.from(sent);
        for (const packet of [quote, expected]) packet.fill(0, family === 4 ? 8 : 7, family === 4 ? 12 : 8);
        expected[9] = sent[9] as number;
        quote[9] = sent[9] as number;
        assert.deepEqual(quote, expected);
      }
    });

    it('answers at the host: echo reply, port unreachable, SYN-ACK or RST', () => {
      const simulator = simulate({ host: { tcpPorts: { '443': 'syn-ack' } } });
      const echo = one(simulator.receive(probe(family, 'icmp'), 0));
      assert.equal(echo.bytes[icmp], family === 4 ? 0 : 129);
      assert.deepEqual(echo.bytes.slice(icmp + 4), probe(family, 'icmp').slice(icmp + 4));
      assert.equal(echo.bytes[family === 4 ? 8 : 7], 61);
      assert.equal(echo.atNs, 8 * MS);
      const port = one(simulator.receive(probe(family, 'udp'), 0));
      assert.deepEqual([...port.bytes.slice(icmp, icmp + 2)], family === 4 ? [3, 3] : [1, 4]);
      const synAck = one(simulator.receive(probe(family, 'tcp'), 0));
      const closed = one(simulate().receive(probe(family, 'tcp'), 0));
      const syn = decodeTcp(probe(family, 'tcp'), icmp, 64);
      const tcp = decodeTcp(synAck.bytes, icmp, synAck.bytes.length);
      const rst = decodeTcp(closed.bytes, icmp, closed.bytes.length);
      assert.equal(tcp?.flags, TCP_FLAGS.syn | TCP_FLAGS.ack);
      assert.equal(rst?.flags, TCP_FLAGS.rst | TCP_FLAGS.ack);
      for (const answer of [tcp, rst]) assert.equal(answer?.acknowledgement, (syn?.sequence ?? 0) + 1);
      for (const { bytes } of [echo, port, synAck, closed]) assertSound(bytes);
    });

    it('answers UDP with UDP, and refuses with the code asked for', () => {
      const udp = one(simulate({ host: { udp: 'udp-reply' } }).receive(probe(family, 'udp'), 0));
      assertSound(udp.bytes);
      assert.equal(readUint16(udp.bytes, icmp), 33_434);
      const refusing = simulate({ host: { icmp: { unreachable: 'admin-prohibited' } } });
      const refusal = one(refusing.receive(probe(family, 'icmp'), 0));
      assert.deepEqual([...refusal.bytes.slice(icmp, icmp + 2)], family === 4 ? [3, 13] : [1, 1]);
      assert.equal(refusal.bytes[icmp + 8 + (family === 4 ? 8 : 7)], 61);
    });

    it('quotes the IP header and 8 bytes where quotes are minimal', () => {
      const { bytes } = one(
        simulate({ routers: { r1: { quote: 'minimal' } } }).receive(probe(family, 'udp', { ttl: 1 }), 0),
      );
      assert.equal(bytes.length, icmp + 8 + icmp + 8);
      assertSound(bytes);
    });

    it('quotes no more than a 576 or 1280 byte error holds', () => {
      const { bytes } = one(simulate().receive(probe(family, 'udp', { ttl: 1, length: 1500 }), 0));
      assert.equal(bytes.length, family === 4 ? 576 : 1280);
      assertSound(bytes);
    });

    it('appends MPLS labels and interface information to a quote padded to 128 bytes', () => {
      const mpls = [
        { label: 16_001, tc: 5, bottom: false, ttl: 1 },
        { label: 3, tc: 0, bottom: true, ttl: 254 },
      ];
      const interfaceInformation = [{ role: 'incoming' as const, index: 9, name: 'xe-0', mtu: 1500 }];
      for (const extensionLength of [true, false]) {
        const simulator = simulate({ routers: { r1: { mpls, interfaceInformation, extensionLength } } });
        const { bytes } = one(simulator.receive(probe(family, 'icmp', { ttl: 1 }), 0));
        assertSound(bytes);
        const told = bytes[icmp + (family === 4 ? 5 : 4)];
        assert.equal(told, extensionLength ? (family === 4 ? 32 : 16) : 0);
        const span = { offset: 0, length: 0 };
        assert.ok(findExtension(bytes, icmp, bytes.length, family, span));
        assert.deepEqual(decodeMplsStack(bytes, span.offset, span.length), mpls);
        assert.deepEqual(decodeInterfaceInformation(bytes, span.offset, span.length), interfaceInformation);
      }
    });

    it('says which MTU a probe that may not be fragmented exceeds, or swallows it', () => {
      const links = { 'r2>r3': { mtu: 1400 } };
      const long = probe(family, 'udp', { length: 1500, df: true });
      const { bytes } = one(simulate({ links }).receive(long, 0));
      assertSound(bytes);
      assert.deepEqual([...bytes.slice(icmp, icmp + 2)], family === 4 ? [3, 4] : [2, 0]);
      assert.equal(family === 4 ? readUint16(bytes, icmp + 6) : readUint32(bytes, icmp + 4), 1400);
      assert.equal(bytes[family === 4 ? 15 : 23], 2);
      const hole = simulate({ links, routers: { r2: { mtuBlackhole: true } } });
      assert.deepEqual(hole.receive(long, 0), []);
      assert.equal(hole.counters['too-long'], 1);
      assert.equal(one(hole.receive(probe(family, 'udp', { length: 1400, df: true }), 0)).atNs, 8 * MS);
    });

    it('spends a budget of replies and earns it again', () => {
      const simulator = simulate({ routers: { r1: { icmpLimit: { perSecond: 2, burst: 3 } } } });
      const ask = (ms: number): number =>
        simulator.receive(probe(family, 'icmp', { ttl: 1 }), ms * MS).length;
      assert.deepEqual([0, 1, 2, 3].map(ask), [1, 1, 1, 0]);
      assert.deepEqual([400, 503, 504, 1100].map(ask), [0, 1, 0, 1]);
      assert.equal(simulator.counters.limited, 3);
    });

    it('drops or refuses what a filter names, and lets the rest pass', () => {
      const r2: RouterTraits = {
        filters: [
          { protocol: 'udp', action: 'drop' },
          { protocol: 'tcp', ports: [443], action: { unreachable: 'host-prohibited' } },
        ],
      };
      const simulator = simulate({ routers: { r2 } });
      assert.deepEqual(simulator.receive(probe(family, 'udp'), 0), []);
      assert.equal(
        one(simulator.receive(probe(family, 'udp', { ttl: 2 }), 0)).bytes[icmp],
        family === 4 ? 11 : 3,
      );
      const refusal = one(simulator.receive(probe(family, 'tcp'), 0)).bytes;
      assert.deepEqual([...refusal.slice(icmp, icmp + 2)], family === 4 ? [3, 10] : [1, 1]);
      assert.equal(one(simulator.receive(probe(family, 'icmp'), 0)).atNs, 8 * MS);
    });

    it('shows a translator in the quoted checksum, by the change of addresses', () => {
      const nat = { source: { v4: '192.0.2.77', v6: '2001:db8:77::1' } };
      const natted = (restores: 'all' | 'addresses' | 'none'): Uint8Array =>
        one(
          simulate({ routers: { r1: { nat: { ...nat, restores } } } }).receive(
            probe(family, 'udp', { ttl: 2 }),
            0,
          ),
        ).bytes.slice(icmp + 8);
      const sent = probe(family, 'udp', { ttl: 2 });
      const addresses = family === 4 ? [12, 16] : [8, 24];
      const [from = 0, to = 0] = addresses;
      assert.deepEqual(natted('all').slice(icmp), sent.slice(icmp));
      const quote = natted('addresses');
      assert.deepEqual(quote.slice(from, to), sent.slice(from, to));
      const bare = natted('none');
      const other = parseAddress(family === 4 ? nat.source.v4 : nat.source.v6) as Uint8Array;
      assert.deepEqual(bare.slice(from, to), other.slice(family === 4 ? 12 : 0));
      // What stands in the quote is what the host would accept from the translated address.
      const destination = parseAddress(TARGET[family]) as Uint8Array;
      const pseudo = pseudoHeaderSum(other, destination, 17, sent.length - icmp);
      assert.equal(checksum(bare, icmp, bare.length, pseudo), 0);
      const delta = onesComplementSubtract(readUint16(quote, icmp + 6), readUint16(sent, icmp + 6));
      assert.notEqual(delta, 0);
    });

    it('marks what it forwards with a DSCP and keeps the ECN bits', () => {
      const simulator = simulate({ routers: { r1: { dscp: 10 } } });
      const sent = probe(family, 'icmp', { ttl: 2, tos: 0b10 });
      const quote = one(simulator.receive(sent, 0)).bytes.slice(icmp + 8);
      const tos = family === 4 ? quote[1] : (readUint16(quote, 0) >> 4) & 0xff;
      assert.equal(tos, (10 << 2) | 0b10);
    });

    it('answers nothing to errors, fragments, bad checksums and cut packets', () => {
      const simulator = simulate();
      const error = one(simulator.receive(probe(family, 'icmp', { ttl: 1 }), 0)).bytes;
      const turned = Uint8Array.from(error);
      turned.set(parseAddress(TARGET[family])?.slice(family === 4 ? 12 : 0) ?? [], family === 4 ? 16 : 24);
      assert.deepEqual(simulator.receive(turned, 0), []);
      const bad = probe(family, 'udp');
      bad[bad.length - 1] = (bad[bad.length - 1] as number) ^ 1;
      assert.deepEqual(simulator.receive(bad, 0), []);
      for (let length = 0; length < bad.length; length++) {
        assert.deepEqual(simulator.receive(bad.subarray(0, length), 0), []);
      }
      assert.equal(simulator.counters.malformed, bad.length);
    });
  });
}

describe('createSimulator()', () => {
  it('is the same, byte for byte, for the same seed', () => {
    const noisy = (seed: number): string => {
      const link = { jitterMs: 3, loss: 0.1, replyLoss: 0.1, duplicate: 0.1, reorder: 0.1 };
      const simulator = simulate(
        { links: { 'source>r1': link, 'r1>r2': link }, routers: { r2: { answerRate: 0.7 } } },
        seed,
      );
      let text = '';
      for (let i = 0; i < 400; i++) {
        for (const { atNs, bytes } of simulator.receive(probe(4, 'udp', { ttl: 1 + (i % 5) }), i * MS)) {
          text += `${atNs} ${Buffer.from(bytes).toString('hex')}\n`;
        }
      }
      return text;
    };
    assert.equal(noisy(3), noisy(3));
    assert.notEqual(noisy(3), noisy(4));
  });

  it('loses, repeats and delays in the proportions asked for', () => {
    const link = { loss: 0.1, replyLoss: 0.2, duplicate: 0.25, reorder: 0.5, reorderMs: 7 };
    const simulator = simulate({ links: { 'r1>r2': link } });
    let replies = 0;
    let late = 0;
    let twice = 0;
    const probes = 20_000;
    for (let i = 0; i < probes; i++) {
      const deliveries = simulator.receive(probe(4, 'icmp', { ttl: 2 }), i * MS);
      if (deliveries.length > 0) replies++;
      if (deliveries.length > 1) twice++;
      if ((deliveries[0]?.atNs ?? 0) - i * MS === 11 * MS) late++;
    }
    const near = (share: number, expected: number): void =>
      assert.ok(Math.abs(share - expected) < 0.02, `${share} instead of ${expected}`);
    near(simulator.counters.lost / probes, 0.1);
    near(replies / probes, 0.9 * 0.8);
    near(twice / replies, 0.25);
    near(late / replies, 0.5);
  });

  it('spreads flows over balanced routers by the fields that balancers hash, and by no other', () => {
    const layer = ['a', 'b', 'c', 'd'];
    const balanced: Scenario = {
      name: 'balanced',
      routers: Object.fromEntries(
        ['r1', ...layer].map((name, i) => [name, { v4: `100.64.0.${i}`, v6: `2001:db8::${i}` }]),
      ),
      routes: { main: { steps: ['r1', layer] } },
      targets: [
        { prefix: TARGET[4], route: 'main' },
        { prefix: TARGET[6], route: 'main' },
      ],
    };
    for (const family of FAMILIES) {
      for (const protocol of ['icmp', 'udp', 'tcp'] as const) {
        const simulator = createSimulator(balanced, 1);
        const seen = new Map<number, number>();
        const by = (shape: Shape): number =>
          one(simulator.receive(probe(family, protocol, { ttl: 2, ...shape }), 0)).bytes[
            family === 4 ? 15 : 23
          ] as number;
        for (let flow = 0; flow < 400; flow++) {
          const responder = by({ flow });
          seen.set(responder, (seen.get(responder) ?? 0) + 1);
          // The checksum of ICMPv6 covers the length, by its pseudo header: there it is part of the flow.
          const length = protocol === 'icmp' && family === 6 ? 0 : 200;
          assert.equal(by({ flow, sequence: 999, tos: 0xb8, length }), responder);
        }
        assert.equal(seen.size, 4);
        for (const times of seen.values()) assert.ok(times > 70 && times < 130, `${times} of 400`);
      }
    }
  });

  it('tells its observer the fate and the imposed delay of every packet', () => {
    const records: Pick<ProbeRecord, 'fate' | 'rttNs' | 'hop' | 'by'>[] = [];
    const observer = {
      probe: ({ fate, rttNs, hop, by }: ProbeRecord): void => {
        records.push({ fate, rttNs, hop, by });
      },
    };
    const simulator = createSimulator(scenario({ routers: { r2: { silent: ['udp'] } } }), 1, { observer });
    simulator.receive(probe(4, 'icmp', { ttl: 3 }), 0);
    simulator.receive(probe(4, 'udp', { ttl: 2 }), 0);
    simulator.receive(probe(4, 'udp'), 0);
    assert.deepEqual(records, [
      { fate: 'answered', rttNs: 6 * MS, hop: 3, by: 'r3' },
      { fate: 'silent', rttNs: -1, hop: 2, by: 'r2' },
      { fate: 'answered', rttNs: 8 * MS, hop: 4, by: 'host' },
    ]);
  });

  it('takes changes at their times, at once when they come late, and goes back when time is sought', () => {
    const simulator = createSimulator(
      { ...scenario(), changes: [{ atMs: 1000, routers: { r1: { silent: true } } }] },
      1,
    );
    const heard = (ms: number): number => simulator.receive(probe(4, 'icmp', { ttl: 1 }), ms * MS).length;
    assert.deepEqual([heard(999), heard(1000)], [1, 0]);
    simulator.change({ atMs: 0, routers: { r1: { silent: null } } }, 2000 * MS);
    assert.deepEqual([heard(1999), heard(2000), heard(5000)], [0, 1, 1]);
    simulator.seek(9000 * MS, 1500);
    assert.equal(heard(9000), 0);
  });

  it('knows no more of addresses than its targets', () => {
    const simulator = simulate();
    const stray = probe(4, 'icmp');
    stray[19] = 99;
    assert.equal(familyOf(parseAddress(TARGET[4]) as Uint8Array), 4);
    assert.deepEqual(simulator.receive(stray, 0), []);
    assert.equal(simulator.counters.adrift, 1);
  });
});
