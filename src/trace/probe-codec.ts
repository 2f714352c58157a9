// The codec as networks use it: one identity, its encoder and its decoder.

import { FlowIdentity } from './flow-identity.ts';
import { ProbeEncoder } from './probe-encoder.ts';
import { ReplyDecoder } from './reply-decoder.ts';

export interface ProbeCodec {
  readonly identity: FlowIdentity;
  readonly encoder: ProbeEncoder;
  readonly decoder: ReplyDecoder;
}

/** @param identifierBase first of MAX_FLOWS consecutive ICMP identifiers and source ports. */
export function createProbeCodec(options: {
  readonly secret: Uint8Array;
  readonly identifierBase: number;
}): ProbeCodec {
  const identity = new FlowIdentity(options.secret, options.identifierBase);
  return { identity, encoder: new ProbeEncoder(identity), decoder: new ReplyDecoder(identity) };
}
