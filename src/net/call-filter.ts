// A seccomp filter as a BPF program: which system calls the process may still make once its sockets are open.
// Invariant: a call in a foreign ABI, whose numbers mean something else, is refused.

import {
  ABSENT_CALLS,
  AUDIT_ARCH,
  FORBIDDEN_CALLS,
  KEY_CALLS,
  numberOf,
  numbersOf,
  type SystemCallArch,
} from './system-calls.ts';

/** struct sock_filter. */
export type Instruction = readonly [code: number, jumpTrue: number, jumpFalse: number, operand: number];

export const LOAD_WORD = 0x20;
export const JUMP_EQUAL = 0x15;
export const JUMP_GREATER_OR_EQUAL = 0x35;
export const JUMP_ANY_BIT = 0x45;
export const RETURN = 0x06;

/** SECCOMP_RET_ALLOW and SECCOMP_RET_ERRNO (linux/seccomp.h). */
export const ALLOW = 0x7fff_0000;
export const REFUSE = 0x0005_0000;
const EPERM = 1;
const ENOSYS = 38;
const EAFNOSUPPORT = 97;

/** Offsets in struct seccomp_data; the first argument's low half, on a little-endian machine. */
export const CALL_DATA = { number: 0, arch: 4, argument: 16 } as const;

/** Unix, IPv4, IPv6, and netlink, by which libraries ask for the host's addresses. No packet sockets: nothing of others is heard. */
export const SOCKET_FAMILIES = [1, 2, 10, 16] as const;

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const NEW_NAMESPACES = 0x7e02_0000;
/** System calls of the x32 ABI have this bit. */
const X32 = 0x4000_0000;

/** The filter for one architecture. */
export function callFilter(arch: SystemCallArch): readonly Instruction[] {
  const socket = numberOf(KEY_CALLS.socket, arch) as number;
  const clone = numberOf(KEY_CALLS.clone, arch) as number;
  const absent = numbersOf(ABSENT_CALLS, arch);
  const forbidden = numbersOf(FORBIDDEN_CALLS, arch);
  const tests: Step[] = [
    [LOAD_WORD, CALL_DATA.arch],
    [JUMP_EQUAL, AUDIT_ARCH[arch], 'next', 'absent'],
    [LOAD_WORD, CALL_DATA.number],
    ...(arch === 'x64' ? [[JUMP_GREATER_OR_EQUAL, X32, 'absent', 'next'] as const] : []),
    [JUMP_EQUAL, socket, 'socket', 'next'],
    [JUMP_EQUAL, clone, 'clone', 'next'],
    ...absent.map((number) => [JUMP_EQUAL, number, 'absent', 'next'] as const),
    ...forbidden.map((number) => [JUMP_EQUAL, number, 'forbidden', 'next'] as const),
  ];
  return assemble([
    ...tests,
    'allow',
    [RETURN, ALLOW],
    'forbidden',
    [RETURN, REFUSE | EPERM],
    'absent',
    [RETURN, REFUSE | ENOSYS],
    'socket',
    [LOAD_WORD, CALL_DATA.argument],
    ...SOCKET_FAMILIES.map((family) => [JUMP_EQUAL, family, 'passed', 'next'] as const),
    [RETURN, REFUSE | EAFNOSUPPORT],
    'passed',
    [RETURN, ALLOW],
    'clone',
    [LOAD_WORD, CALL_DATA.argument],
    [JUMP_ANY_BIT, NEW_NAMESPACES, 'refused', 'next'],
    [RETURN, ALLOW],
    'refused',
    [RETURN, REFUSE | EPERM],
  ]);
}

/** A label, a load or return, or a jump to two labels; `next` is the instruction after. */
type Step = string | readonly [code: number, operand: number, whenTrue?: string, whenFalse?: string];

/** BPF jumps forwards by up to 255 instructions. */
function assemble(steps: readonly Step[]): Instruction[] {
  const labels = new Map<string, number>();
  let at = 0;
  for (const step of steps) {
    if (typeof step === 'string') labels.set(step, at);
    else at++;
  }
  const program: Instruction[] = [];
  const distance = (label: string | undefined): number => {
    if (label === undefined || label === 'next') return 0;
    const away = (labels.get(label) ?? -1) - program.length - 1;
    if (away < 0 || away > 255) throw new Error(`the label ${label} cannot be jumped to`);
    return away;
  };
  for (const step of steps) {
    if (typeof step === 'string') continue;
    const [code, operand, whenTrue, whenFalse] = step;
    program.push([code, distance(whenTrue), distance(whenFalse), operand]);
  }
  return program;
}
