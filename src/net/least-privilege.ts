// Giving up what is not needed once sockets are open. Two means, for they reach differently far: a filter of system calls,
// which the kernel puts on every thread at once, and capabilities, which each thread can only give up itself.
// Invariant: nothing that hopscope does afterwards needs what was given up; what cannot be given up is said.

import { callFilter, type Instruction } from './call-filter.ts';
import { allocate, loadPrivilegeCalls, type PrivilegeCalls } from './libc.ts';
import { errnoName } from './net-error.ts';
import { KEY_CALLS, numberOf, type SystemCallArch } from './system-calls.ts';

/** CAP_* (linux/capability.h). */
const CAPABILITY = { dacOverride: 1, dacReadSearch: 2, netAdmin: 12, netRaw: 13 } as const;

/** Raw sockets, and, where it is held, receive buffers beyond the system's limit. */
const FOR_PROBES: readonly number[] = [CAPABILITY.netRaw, CAPABILITY.netAdmin];
/** Root reads configuration, keys and history that belong to others. */
const FOR_FILES: readonly number[] = [CAPABILITY.dacOverride, CAPABILITY.dacReadSearch];

const PR_SET_NO_NEW_PRIVS = 38;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;
const SECCOMP_SET_MODE_FILTER = 1;
const SECCOMP_FILTER_FLAG_TSYNC = 1;
const CAPABILITY_VERSION_3 = 0x2008_0522;

export interface Confinement {
  /** The filter of system calls is on every thread, and no thread can gain privileges; else why not. */
  readonly filter: 'in force' | string;
  /** Capabilities that the calling thread may still use, by number. */
  readonly effective: readonly number[];
}

/** For the probing thread, before it opens a socket: it keeps what probes need of what it was given. */
export function confineProbingThread(): void {
  const calls = loadPrivilegeCalls();
  const held = readCapabilities(calls);
  const kept = FOR_PROBES.filter((number) => has(held.permitted, number));
  writeCapabilities(calls, bits(kept), bits(kept));
}

/**
 * For the main thread, once sockets are open. It uses no capability any more (root keeps those for files), yet holds
 * those for probes, for a probing thread that crashes is started anew by it.
 */
export function confineProcess(): Confinement {
  const calls = loadPrivilegeCalls();
  const held = readCapabilities(calls);
  const keep = (wanted: readonly number[]): number[] =>
    wanted.filter((number) => has(held.permitted, number));
  const usable = process.getuid?.() === 0 ? keep(FOR_FILES) : [];
  calls.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  writeCapabilities(calls, bits(usable), bits([...usable, ...keep(FOR_PROBES)]));
  const { effective } = readCapabilities(calls);
  return {
    filter: installFilter(calls),
    effective: Array.from({ length: 64 }, (_, i) => i).filter((number) => has(effective, number)),
  };
}

function installFilter(calls: PrivilegeCalls): string {
  const arch = archOf(process.arch);
  if (arch === undefined) return `not available on ${process.arch}`;
  if (calls.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) !== 0) return `refused: ${errnoName(calls.errno())}`;
  const program = encode(callFilter(arch));
  const { size, filter } = calls.layout.filterProgram;
  const description = allocate(size);
  description.writeUInt16LE(program.length / 8, 0);
  const address = calls.addressOf(program);
  if (calls.layout.pointerSize === 8) description.writeBigUInt64LE(address, filter);
  else description.writeUInt32LE(Number(address), filter);
  const number = numberOf(KEY_CALLS.seccomp, arch) as number;
  const result = calls.syscall(number, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, description);
  if (result === 0) return 'in force';
  return result < 0 ? `refused: ${errnoName(calls.errno())}` : 'refused: a thread has a filter of its own';
}

function archOf(arch: string): SystemCallArch | undefined {
  return arch === 'x64' || arch === 'arm64' || arch === 'arm' ? arch : undefined;
}

function encode(program: readonly Instruction[]): Buffer {
  const bytes = allocate(program.length * 8);
  for (const [i, [code, jumpTrue, jumpFalse, operand]] of program.entries()) {
    bytes.writeUInt16LE(code, i * 8);
    bytes.writeUInt8(jumpTrue, i * 8 + 2);
    bytes.writeUInt8(jumpFalse, i * 8 + 3);
    bytes.writeUInt32LE(operand >>> 0, i * 8 + 4);
  }
  return bytes;
}

interface CapabilitySets {
  readonly effective: bigint;
  readonly permitted: bigint;
}

/** struct __user_cap_header_struct, then two of __user_cap_data_struct: effective, permitted, inheritable. */
function header(): Buffer {
  const bytes = allocate(8);
  bytes.writeUInt32LE(CAPABILITY_VERSION_3, 0);
  return bytes;
}

function readCapabilities(calls: PrivilegeCalls): CapabilitySets {
  const data = allocate(24);
  if (calls.capget(header(), data) !== 0) return { effective: 0n, permitted: 0n };
  const set = (at: number): bigint =>
    BigInt(data.readUInt32LE(at)) | (BigInt(data.readUInt32LE(at + 12)) << 32n);
  return { effective: set(0), permitted: set(4) };
}

/** Of the calling thread alone; inheritable becomes empty. Giving up is always permitted. */
function writeCapabilities(calls: PrivilegeCalls, effective: bigint, permitted: bigint): void {
  const data = allocate(24);
  for (const [at, set] of [
    [0, effective],
    [4, permitted],
  ] as const) {
    data.writeUInt32LE(Number(set & 0xffff_ffffn), at);
    data.writeUInt32LE(Number(set >> 32n), at + 12);
  }
  calls.capset(header(), data);
}

function bits(numbers: readonly number[]): bigint {
  return numbers.reduce((set, number) => set | (1n << BigInt(number)), 0n);
}

function has(set: bigint, number: number): boolean {
  return (set & (1n << BigInt(number))) !== 0n;
}
