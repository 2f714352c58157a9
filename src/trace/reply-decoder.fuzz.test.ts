import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzz, type Record, recordFields } from '../../test/packet-mutator.ts';
import { type Family, parseAddress } from '../wire/address.ts';
import { pseudoHeaderSum } from '../wire/checksum.ts';
import { encodeIcmp, ICMP4, ICMP6, lengthWord, sealIcmp } from '../wire/icmp.ts';
import { encodeExtension, encodeMplsStack } from '../wire/icmp-extension.ts';
import { IP_PROTOCOL } from '../wire/ip-protocol.ts';
import { encodeIpv4, newIpv4 } from '../wire/ipv4.ts';
import { decodeIpv6, encodeIpv6, newIpv6 } from '../wire/ipv6.ts';
import { encodeTcp, newTcp, sealTcp, TCP_FLAGS } from '../wire/tcp.ts';
import { decodeUdp, encodeUdp } from '../wire/udp.ts';
import { PROOF, type Probe, type Protocol, type Reply } from './network.ts';
import { createProbeCodec } from './probe-codec.ts';
import { newReply, ReplyDecoder } from './reply-decoder.ts';

const PACKETS = 1_000_000;
const IDENTIFIER_BASE = 28_672;
/** Probes sent on this flow are heard by the ordinary socket that the test pretends to have. */
const SOCKET_FLOW = 3;

const address = (text: string): Uint8Array => parseAddress(text) ?? assert.fail(text);
const ENDS = {
  4: { ip: 20, source: address('100.64.0.2'), router: address('100.64.1.1'), target: address('198.18.0.1') },
  6: {
    ip: 40,
    source: address('2001:db8::2'),
    router: address('2001:db8:1::1'),
    target: address('2001:db8:f::1'),
  },
} as const;
const codec = createProbeCodec({ secret: new Uint8Array(16).fill(0x5a), identifierBase: IDENTIFIER_BASE });

/** A probe as it was sent. */
interface Sent {
  readonly protocol: Protocol;
  readonly family: Family;
  readonly probe: Probe;
  readonly bytes: Uint8Array;
}

function send(protocol: Protocol, family: Family, handle: number, packetLength: number): Sent {
  const probe: Probe = {
    handle,
    destination: ENDS[family].target,
    destinationPort: protocol === 'icmp' ? 0 : 443,
    flow: handle % 2 === 0 ? SOCKET_FLOW : 700,
    ttl: 5,
    sequence: 1 + ((handle * 7919) % 0xffff),
    packetLength,
    trafficClass: 0x48,
    dontFragment: false,
  };
  const into = new Uint8Array(1500);
  const length = codec.encoder.encodePacket(probe, protocol, ENDS[family].source, into, 0);
  return { protocol, family, probe, bytes: into.subarray(0, length) };
}

/** `payload` in an IP packet from `source` to the prober, its ICMP checksum sealed. */
function receive(family: Family, source: Uint8Array, protocol: number, payload: Uint8Array): Uint8Array {
  const { ip, source: destination } = ENDS[family];
  const packet = new Uint8Array(ip + payload.length);
  packet.set(payload, ip);
  if (family === 4) {
    const totalLength = packet.length;
    encodeIpv4({ ...newIpv4(), totalLength, ttl: 60, protocol, source, destination }, packet, 0);
    if (protocol === IP_PROTOCOL.icmp) sealIcmp(packet, ip, packet.length, 0);
    return packet;
  }
  const payloadLength = payload.length;
  encodeIpv6(
    { ...newIpv6(), payloadLength, hopLimit: 60, nextHeader: protocol, source, destination },
    packet,
    0,
  );
  if (protocol === IP_PROTOCOL.icmp6) {
    sealIcmp(packet, ip, packet.length, pseudoHeaderSum(source, destination, protocol, payloadLength));
  }
  return packet;
}

/** An ICMP error of a router on the way, quoting the first `quoteLength` bytes of the probe. */
function errorFor(
  { family, bytes }: Sent,
  reached: boolean,
  quoteLength: number,
  labelled: boolean,
): Uint8Array {
  const quote = bytes.subarray(0, quoteLength);
  const padded = labelled ? Math.max(128, quote.length) : quote.length;
  const message = new Uint8Array(8 + padded + 64);
  message.set(quote, 8);
  let end = 8 + padded;
  if (labelled) {
    end += encodeExtension([encodeMplsStack([{ label: 16003, tc: 1, bottom: true, ttl: 1 }])], message, end);
  }
  const types = family === 4 ? ICMP4 : ICMP6;
  const type = reached ? types.unreachable : types.timeExceeded;
  const code = reached ? (family === 4 ? 3 : 4) : 0;
  const word = labelled ? lengthWord(family, padded) : 0;
  encodeIcmp({ type, code, checksum: 0, word }, message, 0);
  const { router, target } = ENDS[family];
  return receive(
    family,
    reached ? target : router,
    family === 4 ? IP_PROTOCOL.icmp : IP_PROTOCOL.icmp6,
    message.subarray(0, end),
  );
}

/** The destination's own answers. */
function answersTo({ family, protocol, probe, bytes }: Sent): readonly Uint8Array[] {
  const { ip, target, source } = ENDS[family];
  const body = bytes.slice(ip);
  if (protocol === 'icmp') {
    body[0] = family === 4 ? ICMP4.echoReply : ICMP6.echoReply;
    return [receive(family, target, family === 4 ? IP_PROTOCOL.icmp : IP_PROTOCOL.icmp6, body)];
  }
  const ports = { sourcePort: probe.destinationPort, destinationPort: IDENTIFIER_BASE + probe.flow };
  if (protocol === 'udp') {
    encodeUdp({ ...ports, length: body.length, checksum: 0 }, body, 0);
    return [receive(family, target, IP_PROTOCOL.udp, body)];
  }
  const sequence = ((body[4] as number) << 24) | ((body[5] as number) << 16) | ((body[6] as number) << 8);
  const acknowledgement = ((sequence | (body[7] as number)) >>> 0) + 1;
  return [TCP_FLAGS.syn | TCP_FLAGS.ack, TCP_FLAGS.rst | TCP_FLAGS.ack].map((flags) => {
    const segment = new Uint8Array(20);
    encodeTcp({ ...newTcp(), ...ports, acknowledgement, flags }, segment, 0);
    sealTcp(segment, 0, 20, pseudoHeaderSum(target, source, IP_PROTOCOL.tcp, 20));
    return receive(family, target, IP_PROTOCOL.tcp, segment);
  });
}

const SENT: readonly Sent[] = (['icmp', 'udp', 'tcp'] as const).flatMap((protocol, i) =>
  ([4, 6] as const).flatMap((family, j) =>
    [0, 0, 120, 300].map((length, k) => send(protocol, family, 1000 + 8 * i + 4 * j + k, length)),
  ),
);

const CORPUS: readonly Uint8Array[] = SENT.flatMap((sent) => [
  errorFor(sent, false, sent.bytes.length, false),
  errorFor(sent, false, ENDS[sent.family].ip + 8, false),
  errorFor(sent, false, 128, true),
  errorFor(sent, true, sent.bytes.length, false),
  ...answersTo(sent),
]);

/** Decodes as a raw socket's reader does: IPv6 without its header, the source told beside. */
function decodeRaw(
  decoder: ReplyDecoder,
  bytes: Uint8Array,
  offset: number,
  end: number,
  reply: Reply,
): string {
  if (end > offset && (bytes[offset] as number) >> 4 === 4)
    return decoder.decodePacket4(bytes, offset, end, reply);
  const ipv6 = decodeIpv6(bytes, offset, end);
  if (ipv6 === undefined) {
    return decoder.decodeTransport6(IP_PROTOCOL.icmp6, bytes, offset, end, ENDS[6].router, 60, reply);
  }
  const { nextHeader, source, hopLimit } = ipv6;
  return decoder.decodeTransport6(nextHeader, bytes, offset + 40, end, source, hopLimit, reply);
}

/** Decodes as the reader of an ordinary socket does: what its queues hold begins behind the headers. */
function decodeSocket(
  decoder: ReplyDecoder,
  bytes: Uint8Array,
  offset: number,
  end: number,
  reply: Reply,
  dice: number,
): string {
  const family = end > offset && (bytes[offset] as number) >> 4 === 6 ? 6 : 4;
  const { ip, router, target } = ENDS[family];
  const protocol = dice & 1 ? 'icmp' : 'udp';
  const answer = Math.min(end, offset + ip);
  if (dice & 2) {
    const port = decodeUdp(bytes, answer, end)?.sourcePort ?? 443;
    return decoder.decodeDatagram(protocol, family, bytes, answer, end, target, port, SOCKET_FLOW, reply);
  }
  const quoted = Math.min(end, answer + 8 + ip + (protocol === 'udp' ? 8 : 0));
  const type = answer < end ? (bytes[answer] as number) : 0;
  return decoder.decodeError(
    protocol,
    family,
    bytes,
    quoted,
    end,
    target,
    443,
    SOCKET_FLOW,
    router,
    type,
    0,
    reply,
  );
}

/** Whether the probe that a proven reply names was sent. TCP has no handle, and 16 bits for its code. */
function wasSent(reply: Reply): boolean {
  return SENT.some(
    ({ protocol, probe }) =>
      protocol === reply.protocol &&
      probe.flow === reply.flow &&
      probe.sequence === reply.sequence &&
      probe.destinationPort === reply.destinationPort &&
      (protocol === 'tcp' || probe.handle === reply.handle),
  );
}

test(`ReplyDecoder survives ${PACKETS} mutated packets and proves no probe that was not sent`, () => {
  const keptDecoder = new ReplyDecoder(codec.identity);
  const keptReply = newReply();
  const outcomes: { [outcome: string]: number } = {};
  let luckyTcp = 0;
  const judge = (record: Record, outcome: string, reply: Reply, end: number): void => {
    record(outcome);
    if (outcome !== 'reply') return;
    const { bytes: _, ...fields } = reply;
    recordFields(record, fields);
    assert.ok(reply.extensionOffset + reply.extensionLength <= end);
    if (reply.proof !== PROOF.code || wasSent(reply)) return;
    assert.equal(reply.protocol, 'tcp', JSON.stringify(fields));
    luckyTcp++;
  };
  fuzz({
    seed: 0xc0de,
    packets: PACKETS,
    corpus: CORPUS,
    decode: (bytes, offset, end, record, again, dice) => {
      // Once into objects that hold the last packet's values, once into new ones: nothing stale may show.
      const decoder = again ? new ReplyDecoder(codec.identity) : keptDecoder;
      const reply = again ? newReply() : keptReply;
      const outcome = decodeRaw(decoder, bytes, offset, end, reply);
      const name = outcome === 'reply' ? `${reply.protocol} ${reply.kind} ${reply.proof}` : outcome;
      if (!again) outcomes[name] = (outcomes[name] ?? 0) + 1;
      judge(record, outcome, reply, end);
      if (dice % 4 !== 0) return;
      judge(record, decodeSocket(decoder, bytes, offset, end, reply, dice >> 2), reply, end);
    },
  });
  for (const name of [
    'malformed',
    'unrelated',
    'forged',
    `icmp time-exceeded ${PROOF.code}`,
    `icmp time-exceeded ${PROOF.identification}`,
    `icmp echo-reply ${PROOF.code}`,
    `udp time-exceeded ${PROOF.code}`,
    `udp port-unreachable ${PROOF.code}`,
    `udp udp-reply ${PROOF.sequence}`,
    `tcp time-exceeded ${PROOF.code}`,
    `tcp syn-ack ${PROOF.code}`,
    `tcp rst ${PROOF.code}`,
  ]) {
    assert.ok((outcomes[name] ?? 0) > PACKETS / 1000, `${name}: ${outcomes[name] ?? 0}`);
  }
  // One in 65,536 altered segments must hit upon its code; far more would mean that it is not looked at.
  assert.ok(luckyTcp < PACKETS / 20_000, `${luckyTcp} TCP replies proven by luck`);
});
