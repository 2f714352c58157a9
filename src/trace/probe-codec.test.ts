import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { familyOf, parseAddress } from '../wire/address.ts';
import { checksum, onesComplementSum, pseudoHeaderSum } from '../wire/checksum.ts';
import { encodeIcmp, ICMP4, ICMP6, sealIcmp } from '../wire/icmp.ts';
import { encodeExtension, encodeMplsStack } from '../wire/icmp-extension.ts';
import { encodeIpv4, newIpv4 } from '../wire/ipv4.ts';
import { readUint16, readUint32, writeUint16 } from '../wire/network-order.ts';
import { encodeTcp, newTcp, TCP_FLAGS } from '../wire/tcp.ts';
import { PROOF, type Probe, type Protocol, type Reply } from './network.ts';
import { createProbeCodec } from './probe-codec.ts';
import { newReply } from './reply-decoder.ts';

const BASE = 28_672;
const codec = createProbeCodec({ secret: new Uint8Array(16).fill(0x5a), identifierBase: BASE });
const stranger = createProbeCodec({ secret: new Uint8Array(16).fill(0x77), identifierBase: BASE });
const SOURCE4 = parseAddress('192.0.2.9') as Uint8Array;
const SOURCE6 = parseAddress('2001:db8::9') as Uint8Array;
const ROUTER4 = parseAddress('100.64.0.1') as Uint8Array;
const ROUTER6 = parseAddress('2001:db8:ffff::1') as Uint8Array;
const PROTOCOLS: readonly Protocol[] = ['icmp', 'udp', 'tcp'];
const FAMILIES = [4, 6] as const;

function probe(family: 4 | 6, overrides: Partial<Probe> = {}): Probe {
  return {
    handle: 12_345,
    destination: parseAddress(family === 4 ? '198.18.0.1' : '2001:db8:1::1') as Uint8Array,
    destinationPort: 443,
    flow: 3,
    ttl: 9,
    sequence: 0x1234,
    packetLength: 0,
    trafficClass: 0,
    dontFragment: false,
    ...overrides,
  };
}

function encode(one: Probe, protocol: Protocol, by = codec): Uint8Array {
  const family = familyOf(one.destination);
  const sent = protocol === 'icmp' ? { ...one, destinationPort: 0 } : one;
  const into = new Uint8Array(1600).fill(0xa5);
  const length = by.encoder.encodePacket(sent, protocol, family === 4 ? SOURCE4 : SOURCE6, into, 4);
  return into.slice(4, 4 + length);
}

/** An ICMP error quoting the first `quoteLength` bytes of `packet`, heard on a raw socket. */
function heardError(
  packet: Uint8Array,
  quoteLength = packet.length,
  alter: (quote: Uint8Array) => void = () => {},
  extension = false,
): { outcome: string; reply: Reply } {
  const family = (packet[0] as number) >> 4 === 4 ? 4 : 6;
  const quote = packet.slice(0, quoteLength);
  alter(quote);
  const padded = extension ? 128 : quote.length;
  const message = new Uint8Array(20 + 8 + padded + 32);
  const at = family === 4 ? 20 : 0;
  message.set(quote, at + 8);
  let end = at + 8 + padded;
  if (extension) {
    end += encodeExtension([encodeMplsStack([{ label: 16_001, tc: 0, bottom: true, ttl: 1 }])], message, end);
  }
  const word = !extension ? 0 : family === 4 ? 32 << 16 : 16 << 24;
  const type = family === 4 ? ICMP4.timeExceeded : ICMP6.timeExceeded;
  encodeIcmp({ type, code: 0, checksum: 0, word: word >>> 0 }, message, at);
  sealIcmp(message, at, end, 0);
  const reply = newReply();
  if (family === 6) {
    return { outcome: codec.decoder.decodeTransport6(58, message, 0, end, ROUTER6, 60, reply), reply };
  }
  encodeIpv4(
    { ...newIpv4(), totalLength: end, ttl: 250, protocol: 1, source: ROUTER4, destination: SOURCE4 },
    message,
    0,
  );
  return { outcome: codec.decoder.decodePacket4(message, 0, end, reply), reply };
}

describe('ProbeEncoder', () => {
  for (const family of FAMILIES) {
    const ip = family === 4 ? 20 : 40;
    it(`holds what balancers hash constant over TTLs, sequences and runs, IPv${family}`, () => {
      fc.assert(
        fc.property(
          fc.constantFrom(...PROTOCOLS),
          fc.integer({ min: 1, max: 255 }),
          fc.integer({ min: 1, max: 65_535 }),
          fc.integer({ min: 0, max: 1023 }),
          (protocol, ttl, sequence, flow) => {
            const a = encode(probe(family, { flow }), protocol);
            const b = encode(probe(family, { flow, ttl, sequence, handle: sequence }), protocol, stranger);
            // Four bytes: type, code and checksum, or both ports; and the ICMP identifier.
            assert.deepEqual(b.subarray(ip, ip + 4), a.subarray(ip, ip + 4));
            if (protocol === 'icmp') assert.equal(readUint16(b, ip + 4), readUint16(a, ip + 4));
            if (family === 6) assert.equal(readUint32(a, 0), readUint32(b, 0));
            assert.equal(a.length, b.length);
          },
        ),
        { numRuns: 300, seed: 1 },
      );
    });

    it(`keeps a longer probe in its flow, IPv${family}`, () => {
      for (const packetLength of [64, 68, 1280, 1281, 1399, 1500]) {
        for (const protocol of PROTOCOLS) {
          const short = encode(probe(family), protocol);
          const long = encode(probe(family, { packetLength, sequence: 9 }), protocol);
          assert.equal(long.length, packetLength);
          assert.deepEqual(
            long.subarray(ip, ip + 4),
            short.subarray(ip, ip + 4),
            `${protocol} ${packetLength}`,
          );
        }
      }
    });

    it(`writes right checksums, never a UDP checksum of 0, IPv${family}`, () => {
      fc.assert(
        fc.property(
          fc.constantFrom(...PROTOCOLS),
          fc.integer({ min: 1, max: 65_535 }),
          fc.integer({ min: 0, max: 1500 }),
          (protocol, sequence, packetLength) => {
            const packet = encode(probe(family, { sequence, packetLength }), protocol);
            const number = { icmp: family === 4 ? 1 : 58, udp: 17, tcp: 6 }[protocol];
            const pseudo =
              family === 4 && protocol === 'icmp'
                ? 0
                : pseudoHeaderSum(
                    family === 4 ? SOURCE4 : SOURCE6,
                    probe(family).destination,
                    number,
                    packet.length - ip,
                  );
            assert.equal(onesComplementSum(packet, ip, packet.length, pseudo), 0xffff);
            if (family === 4) assert.equal(checksum(packet, 0, 20), 0);
            if (protocol === 'udp') assert.equal(readUint16(packet, ip + 6), sequence);
            assert.ok(packet.length >= packetLength);
          },
        ),
        { numRuns: 500, seed: 2 },
      );
    });

    it(`gives an ICMP datagram socket what makes the kernel arrive at the constant checksum, IPv${family}`, () => {
      for (const sequence of [1, 77, 65_535]) {
        const into = new Uint8Array(64);
        const one = probe(family, { sequence, destinationPort: 0 });
        const length = codec.encoder.encodeDatagram(one, 'icmp', into, 0);
        assert.equal(checksum(into, 0, length), codec.identity.icmpChecksumOf(one.flow));
      }
    });
  }
});

describe('ReplyDecoder', () => {
  for (const family of FAMILIES) {
    for (const protocol of PROTOCOLS) {
      it(`knows a ${protocol} probe over IPv${family} from a whole quote`, () => {
        const { outcome, reply } = heardError(encode(probe(family), protocol));
        assert.equal(outcome, 'reply');
        assert.equal(reply.sequence, 0x1234);
        assert.equal(reply.flow, 3);
        assert.equal(reply.proof, PROOF.code);
        if (protocol !== 'tcp') assert.equal(reply.handle, 12_345);
        assert.deepEqual(reply.destination, probe(family).destination);
        assert.equal(reply.quotedTtl, 9);
        assert.ok(reply.checksumDelta <= 0);
      });

      it(`knows a ${protocol} probe over IPv${family} from eight bytes of its header`, () => {
        const { outcome, reply } = heardError(encode(probe(family), protocol), (family === 4 ? 20 : 40) + 8);
        assert.equal(outcome, 'reply');
        assert.equal(reply.sequence, 0x1234);
        const expected =
          protocol === 'tcp' ? PROOF.code : family === 4 ? PROOF.identification : PROOF.sequence;
        assert.equal(reply.proof, expected);
      });

      it(`refuses a ${protocol} probe of another run over IPv${family}`, () => {
        const { outcome } = heardError(encode(probe(family), protocol, stranger));
        assert.equal(outcome, 'forged');
      });

      it(`finds the MPLS stack behind a padded quote of ${protocol} over IPv${family}`, () => {
        const { outcome, reply } = heardError(encode(probe(family), protocol), undefined, undefined, true);
        assert.equal(outcome, 'reply');
        assert.equal(reply.extensionLength, 12);
      });

      it(`refuses every truncation of a ${protocol} quote over IPv${family} that hides the ports`, () => {
        const packet = encode(probe(family), protocol);
        for (let length = 0; length < (family === 4 ? 20 : 40) + 8; length++) {
          assert.notEqual(heardError(packet, length).outcome, 'reply');
        }
      });
    }
  }

  it('knows a UDP probe whose checksum a NAT has changed, and by how much', () => {
    for (const quoteLength of [28, 48]) {
      const { outcome, reply } = heardError(encode(probe(4), 'udp'), quoteLength, (quote) =>
        writeUint16(quote, 26, 0x1240),
      );
      assert.equal(outcome, 'reply');
      assert.equal(reply.sequence, 0x1234);
      assert.equal(reply.checksumDelta, 0x0c);
    }
  });

  it('notices a rewritten identification where the code proves the reply', () => {
    const { reply } = heardError(encode(probe(4), 'icmp'), undefined, (quote) =>
      writeUint16(quote, 4, 0xbeef),
    );
    assert.equal(reply.identificationRewritten, true);
    assert.equal(reply.proof, PROOF.code);
  });

  it('leaves a short quote with a foreign identification unproven', () => {
    const { reply } = heardError(encode(probe(4), 'icmp'), 28, (quote) => writeUint16(quote, 4, 0xbeef));
    assert.equal(reply.proof, PROOF.sequence);
  });

  it('accepts an echo reply from another address by its code, and none without', () => {
    const message = encode(probe(4), 'icmp').slice(20);
    message[0] = ICMP4.echoReply;
    sealIcmp(message, 0, message.length, 0);
    const packet = new Uint8Array(20 + message.length);
    packet.set(message, 20);
    encodeIpv4(
      {
        ...newIpv4(),
        totalLength: packet.length,
        ttl: 55,
        protocol: 1,
        source: ROUTER4,
        destination: SOURCE4,
      },
      packet,
      0,
    );
    const reply = newReply();
    assert.equal(codec.decoder.decodePacket4(packet, 0, packet.length, reply), 'reply');
    assert.equal(reply.kind, 'echo-reply');
    assert.equal(reply.handle, 12_345);
    assert.equal(stranger.decoder.decodePacket4(packet, 0, packet.length, reply), 'forged');
  });

  it('takes a SYN-ACK or RST only for the sequence number it acknowledges', () => {
    const sent = encode(probe(4), 'tcp');
    const answer = (acknowledgement: number, flags: number): { outcome: string; reply: Reply } => {
      const packet = new Uint8Array(40);
      encodeIpv4(
        {
          ...newIpv4(),
          totalLength: 40,
          ttl: 55,
          protocol: 6,
          source: probe(4).destination,
          destination: SOURCE4,
        },
        packet,
        0,
      );
      encodeTcp(
        { ...newTcp(), sourcePort: 443, destinationPort: BASE + 3, acknowledgement, flags },
        packet,
        20,
      );
      const reply = newReply();
      return { outcome: codec.decoder.decodePacket4(packet, 0, 40, reply), reply };
    };
    const right = (readUint32(sent, 24) + 1) >>> 0;
    const { syn, ack, rst, psh } = TCP_FLAGS;
    assert.equal(answer(right, syn | ack).reply.kind, 'syn-ack');
    assert.equal(answer(right, rst | ack).reply.kind, 'rst');
    assert.equal(answer(right, psh | ack).outcome, 'unrelated');
    assert.equal(answer((right + 1) >>> 0, syn | ack).outcome, 'forged');
    assert.equal(answer((right + 1337) >>> 0, rst | ack).outcome, 'forged');
    // The port is closed, and its host counts the padding: 20 + 24 + 1337.
    encode(probe(4, { packetLength: 1381 }), 'tcp');
    assert.equal(answer((right + 1337) >>> 0, rst | ack).reply.sequence, 0x1234);
    assert.equal(answer((right + 1337) >>> 0, syn | ack).outcome, 'forged');
  });

  it('drops an ICMP message whose checksum is wrong', () => {
    const { outcome } = heardError(encode(probe(4), 'udp'));
    assert.equal(outcome, 'reply');
    const packet = new Uint8Array(56).fill(1);
    encodeIpv4(
      { ...newIpv4(), totalLength: 56, ttl: 9, protocol: 1, source: ROUTER4, destination: SOURCE4 },
      packet,
      0,
    );
    assert.equal(codec.decoder.decodePacket4(packet, 0, 56, newReply()), 'malformed');
  });
});
