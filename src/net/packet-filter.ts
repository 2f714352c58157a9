// What the kernel shows our raw sockets: ICMP types by the protocols' own filters, TCP by a classic BPF program on our
// range of source ports. Everything else is discarded before it wakes us.

import type { Family } from '../wire/address.ts';
import { ICMP_FILTER, ICMP6_FILTER, SO, SOL_ICMPV6, SOL_RAW, SOL_SOCKET } from './abi.ts';
import { allocate, type Libc } from './libc.ts';

/** Echo reply, destination unreachable, time exceeded, parameter problem. */
const ICMP_TYPES = [0, 3, 11, 12] as const;
/** Destination unreachable, packet too big, time exceeded, parameter problem, echo reply (RFC 4443). */
const ICMPV6_TYPES = [1, 2, 3, 4, 129] as const;

/** struct sock_filter: an instruction of classic BPF. */
type Instruction = readonly [code: number, jumpTrue: number, jumpFalse: number, operand: number];

const LOAD_HALF_ABSOLUTE = 0x28;
const LOAD_HALF_INDIRECT = 0x48;
const LOAD_IP_HEADER_LENGTH = 0xb1;
const JUMP_GREATER_OR_EQUAL = 0x35;
const RETURN = 0x06;
const WHOLE_PACKET = 0xffff;
const INSTRUCTION_SIZE = 8;
/** Of the destination port in a TCP header. */
const PORT_OFFSET = 2;

/** Lets only ICMP messages that answer probes reach a raw socket; false when refused, the reason in errno. */
export function filterIcmp(libc: Libc, fd: number, family: Family): boolean {
  if (family === 4) {
    const blocked = allocate(4);
    let mask = 0xffff_ffff;
    for (const type of ICMP_TYPES) mask &= ~(1 << type);
    blocked.writeInt32LE(mask | 0);
    return libc.setsockopt(fd, SOL_RAW, ICMP_FILTER, blocked, 4) === 0;
  }
  const blocked = allocate(32).fill(0xff);
  for (const type of ICMPV6_TYPES) {
    const word = (type >> 5) * 4;
    blocked.writeInt32LE(blocked.readInt32LE(word) & ~(1 << (type & 31)), word);
  }
  return libc.setsockopt(fd, SOL_ICMPV6, ICMP6_FILTER, blocked, 32) === 0;
}

/** Lets only segments to ports `first` to `last` reach a raw TCP socket; false when refused, the reason in errno. */
export function filterTcp(libc: Libc, fd: number, family: Family, first: number, last: number): boolean {
  return attach(libc, fd, tcpPortProgram(family, first, last));
}

/** A raw IPv4 socket's packet starts at the IP header, an IPv6 one's at the transport header. */
export function tcpPortProgram(family: Family, first: number, last: number): readonly Instruction[] {
  const load: Instruction[] =
    family === 4
      ? [
          [LOAD_IP_HEADER_LENGTH, 0, 0, 0],
          [LOAD_HALF_INDIRECT, 0, 0, PORT_OFFSET],
        ]
      : [[LOAD_HALF_ABSOLUTE, 0, 0, PORT_OFFSET]];
  return [
    ...load,
    [JUMP_GREATER_OR_EQUAL, 0, 2, first],
    [JUMP_GREATER_OR_EQUAL, 1, 0, last + 1],
    [RETURN, 0, 0, WHOLE_PACKET],
    [RETURN, 0, 0, 0],
  ];
}

function attach(libc: Libc, fd: number, program: readonly Instruction[]): boolean {
  const instructions = allocate(program.length * INSTRUCTION_SIZE);
  for (const [i, [code, jumpTrue, jumpFalse, operand]] of program.entries()) {
    const at = i * INSTRUCTION_SIZE;
    instructions.writeUInt16LE(code, at);
    instructions.writeUInt8(jumpTrue, at + 2);
    instructions.writeUInt8(jumpFalse, at + 3);
    instructions.writeUInt32LE(operand, at + 4);
  }
  const { size, filter } = libc.layout.filterProgram;
  const header = allocate(size);
  header.writeUInt16LE(program.length, 0);
  const pointer = libc.addressOf(instructions);
  if (libc.layout.pointerSize === 8) header.writeBigUInt64LE(pointer, filter);
  else header.writeUInt32LE(Number(pointer), filter);
  return libc.setsockopt(fd, SOL_SOCKET, SO.attachFilter, header, size) === 0;
}
