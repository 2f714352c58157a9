// Linux's binary interface as data: the struct layouts that the socket calls read and write, in one table by
// pointer size, and the option numbers of asm-generic (x86, ARM, RISC-V). Invariant: no other file holds an offset.
// Little-endian only, as is every system that this program is built for.

/** Byte offsets and sizes of the structs that cross the system call boundary. */
export interface Layout {
  readonly pointerSize: 4 | 8;
  readonly iovec: { readonly size: number; readonly base: number; readonly length: number };
  /** struct mmsghdr: a msghdr, then the number of bytes moved. */
  readonly mmsghdr: {
    readonly size: number;
    readonly name: number;
    readonly nameLength: number;
    readonly iov: number;
    readonly iovLength: number;
    readonly control: number;
    readonly controlLength: number;
    readonly flags: number;
    readonly moved: number;
  };
  readonly cmsghdr: {
    readonly size: number;
    readonly level: number;
    readonly type: number;
    readonly align: number;
  };
  /** struct timespec of the C library's plain symbols. */
  readonly timespec: { readonly size: number; readonly nanoseconds: number };
  /** struct sock_fprog. */
  readonly filterProgram: { readonly size: number; readonly filter: number };
}

const LAYOUTS: Readonly<Record<4 | 8, Layout>> = {
  8: {
    pointerSize: 8,
    iovec: { size: 16, base: 0, length: 8 },
    mmsghdr: {
      size: 64,
      name: 0,
      nameLength: 8,
      iov: 16,
      iovLength: 24,
      control: 32,
      controlLength: 40,
      flags: 48,
      moved: 56,
    },
    cmsghdr: { size: 16, level: 8, type: 12, align: 8 },
    timespec: { size: 16, nanoseconds: 8 },
    filterProgram: { size: 16, filter: 8 },
  },
  4: {
    pointerSize: 4,
    iovec: { size: 8, base: 0, length: 4 },
    mmsghdr: {
      size: 32,
      name: 0,
      nameLength: 4,
      iov: 8,
      iovLength: 12,
      control: 16,
      controlLength: 20,
      flags: 24,
      moved: 28,
    },
    cmsghdr: { size: 12, level: 4, type: 8, align: 4 },
    timespec: { size: 8, nanoseconds: 4 },
    filterProgram: { size: 8, filter: 4 },
  },
};

/** The layout for a processor architecture as `process.arch` names it. */
export function layoutFor(arch: string): Layout {
  return LAYOUTS[arch === 'arm' || arch === 'ia32' ? 4 : 8];
}

/** Structs that are the same everywhere. */
export const SOCKADDR_IN = { size: 16, port: 2, address: 4 } as const;
export const SOCKADDR_IN6 = { size: 28, port: 2, flowInfo: 4, address: 8, scope: 24 } as const;
export const POLLFD = { size: 8, events: 4, revents: 6 } as const;
/** struct sock_extended_err, followed by the offender's sockaddr (linux/errqueue.h). */
export const EXTENDED_ERROR = {
  size: 16,
  errno: 0,
  origin: 4,
  type: 5,
  code: 6,
  info: 8,
  data: 12,
  /** ee_rfc4884, which lies over ee_data: where the extension structure starts, and whether it is broken. */
  extensionOffset: 12,
  extensionFlags: 14,
} as const;
/** struct tcp_info: the members used, and how much of it is asked for. */
export const TCP_INFO_STRUCT = { size: 104, retransmits: 2, rtt: 68, totalRetransmits: 100 } as const;

export const ERROR_ORIGIN = { local: 1, icmp: 2, icmp6: 3, timestamping: 4 } as const;

export const AF = { unspec: 0, inet: 2, inet6: 10 } as const;
export const SOCK = { stream: 1, dgram: 2, raw: 3, nonblock: 0x800, cloexec: 0x80000 } as const;
export const MSG = { trunc: 0x20, dontwait: 0x40, errqueue: 0x2000, nosignal: 0x4000 } as const;
export const POLL = { in: 1, out: 4, err: 8, hup: 16, nval: 32 } as const;
export const CLOCK = { realtime: 0, monotonic: 1 } as const;
export const EFD = { nonblock: 0x800, cloexec: 0x80000 } as const;

export const SOL_SOCKET = 1;
export const SO = {
  reuseAddress: 2,
  error: 4,
  sendBuffer: 7,
  receiveBuffer: 8,
  linger: 13,
  attachFilter: 26,
  timestamp: 29,
  sendBufferForce: 32,
  receiveBufferForce: 33,
  timestampNs: 35,
  timestamping: 37,
  rxqOverflow: 40,
  /** The variants with 64-bit seconds on every architecture (Linux 5.1). */
  timestampNew: 63,
  timestampNsNew: 64,
  timestampingNew: 65,
} as const;

export const SOL_IP = 0;
export const IP = {
  tos: 1,
  ttl: 2,
  mtuDiscover: 10,
  receiveErrors: 11,
  receiveTtl: 12,
  receiveErrorsRfc4884: 26,
} as const;

export const SOL_IPV6 = 41;
export const IPV6 = {
  unicastHops: 16,
  mtuDiscover: 23,
  receiveErrors: 25,
  v6only: 26,
  receiveErrorsRfc4884: 31,
  flowLabelManager: 32,
  flowInfoSend: 33,
  headerIncluded: 36,
  receiveHopLimit: 51,
  hopLimit: 52,
  dontFragment: 62,
  trafficClass: 67,
  autoFlowLabel: 70,
} as const;

/** IP_PMTUDISC_*: whether DF is set, and whether the path MTU that the kernel learnt is heeded (by `always` alone). */
export const MTU_DISCOVER = { always: 2, probe: 3, omit: 5 } as const;

export const SOL_TCP = 6;
export const TCP = { synCount: 7, info: 11 } as const;
export const SOL_RAW = 255;
export const ICMP_FILTER = 1;
export const SOL_ICMPV6 = 58;
export const ICMP6_FILTER = 1;

export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58, raw: 255 } as const;

/** SOF_TIMESTAMPING_*: bits 1, 3, 4, 7 and 11. */
export const TIMESTAMPING = {
  txSoftware: 0x2,
  rxSoftware: 0x8,
  software: 0x10,
  optId: 0x80,
  optTsOnly: 0x800,
} as const;
