// An ICMP error as the error queue of an ordinary socket gives it, turned into a reply. The kernel strips the headers
// that it used to find the socket: what is left starts at the ICMP header, or after the UDP or TCP header.

import type { Family, Protocol } from '../trace/network.ts';
import type { ProbeCodec } from '../trace/probe-codec.ts';
import type { DecodeOutcome } from '../trace/reply-decoder.ts';
import { EXTENSION_HEADER_LENGTH, isExtension, QUOTE_LENGTH } from '../wire/icmp-extension.ts';
import { IPV4_HEADER_LENGTH } from '../wire/ipv4.ts';
import { IPV6_HEADER_LENGTH } from '../wire/ipv6.ts';
import { UDP_HEADER_LENGTH } from '../wire/udp.ts';
import { EXTENDED_ERROR } from './abi.ts';
import { ERRNO } from './net-error.ts';
import type { NetworkContext } from './network-context.ts';

/** Decodes the current message of the context's batch into the context's reply. */
export function decodeQueuedError(
  context: NetworkContext,
  codec: ProbeCodec,
  protocol: Protocol,
  family: Family,
  flow: number,
): DecodeOutcome {
  const { batch, reply } = context;
  if (!batch.offenderKnown || batch.port < 0) return 'malformed';
  const extensionAt = findExtension(context, protocol, family);
  const end = extensionAt < 0 ? batch.end : extensionAt;
  const outcome = codec.decoder.decodeError(
    // Of a TCP probe the socket itself knows all: nothing of the quote is read.
    protocol === 'tcp' ? 'udp' : protocol,
    family,
    batch.bytes,
    protocol === 'tcp' ? end : batch.offset,
    end,
    batch.address,
    batch.port,
    flow,
    batch.offender,
    batch.errorByte(EXTENDED_ERROR.type),
    batch.errorByte(EXTENDED_ERROR.code),
    reply,
  );
  reply.protocol = protocol;
  reply.replyTtl = batch.hopLimit;
  if (batch.errorWord(EXTENDED_ERROR.errno) === ERRNO.EMSGSIZE)
    reply.mtu = batch.errorWord(EXTENDED_ERROR.info);
  if (extensionAt >= 0) {
    reply.extensionOffset = extensionAt;
    reply.extensionLength = batch.end - extensionAt;
  }
  return outcome;
}

/** Where the extension structure starts in the batch's bytes, or -1. */
function findExtension(context: NetworkContext, protocol: Protocol, family: Family): number {
  const { batch } = context;
  // ee_rfc4884.len lies over ee_data and counts from the start of what was read (linux/errqueue.h).
  const told = batch.errorWord(EXTENDED_ERROR.extensionOffset) & 0xffff;
  const at = batch.offset + (told > 0 ? told : QUOTE_LENGTH - strippedLength(protocol, family));
  if (at < batch.offset || at + EXTENSION_HEADER_LENGTH > batch.end) return -1;
  return isExtension(batch.bytes, at, batch.end) ? at : -1;
}

/** Of the quote: an IP header without options, and the UDP header. */
function strippedLength(protocol: Protocol, family: Family): number {
  const ip = family === 4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH;
  return protocol === 'udp' ? ip + UDP_HEADER_LENGTH : ip;
}
