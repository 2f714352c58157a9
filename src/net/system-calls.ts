// System calls that a path monitor never makes once it runs, by number, for the architectures that it is built for.
// Numbers are the kernel's and never change; null where an architecture has no such call.

export type SystemCallArch = 'x64' | 'arm64' | 'arm';

/** AUDIT_ARCH_* (linux/audit.h). */
export const AUDIT_ARCH: Readonly<Record<SystemCallArch, number>> = {
  x64: 0xc000_003e,
  arm64: 0xc000_00b7,
  arm: 0x4000_0028,
};

type Numbers = readonly [x64: number | null, arm64: number | null, arm: number | null];

/** Calls that the filter is made of and with. */
export const KEY_CALLS: Readonly<Record<'socket' | 'clone' | 'seccomp', Numbers>> = {
  socket: [41, 198, 281],
  clone: [56, 220, 120],
  seccomp: [317, 277, 383],
};

/** Refused as if this kernel did not have them: callers then do without. */
export const ABSENT_CALLS: Readonly<Record<string, Numbers>> = {
  // Its flags lie in memory, where a filter cannot look; C libraries fall back to clone.
  clone3: [435, 435, 435],
  io_uring_setup: [425, 425, 425],
};

/** Refused as not permitted. */
export const FORBIDDEN_CALLS: Readonly<Record<string, Numbers>> = {
  // Other programs: started, watched, changed.
  execve: [59, 221, 11],
  execveat: [322, 281, 387],
  ptrace: [101, 117, 26],
  process_vm_readv: [310, 270, 376],
  process_vm_writev: [311, 271, 377],
  pidfd_getfd: [438, 438, 438],
  kcmp: [312, 272, 378],
  // The file system's shape.
  mount: [165, 40, 21],
  umount2: [166, 39, 52],
  pivot_root: [155, 41, 218],
  chroot: [161, 51, 61],
  open_tree: [428, 428, 428],
  move_mount: [429, 429, 429],
  fsopen: [430, 430, 430],
  fsconfig: [431, 431, 431],
  fsmount: [432, 432, 432],
  fspick: [433, 433, 433],
  mount_setattr: [442, 442, 442],
  open_by_handle_at: [304, 265, 371],
  quotactl: [179, 60, 131],
  // The kernel.
  init_module: [175, 105, 128],
  finit_module: [313, 273, 379],
  delete_module: [176, 106, 129],
  kexec_load: [246, 104, 347],
  kexec_file_load: [320, 294, 401],
  bpf: [321, 280, 386],
  perf_event_open: [298, 241, 364],
  userfaultfd: [323, 282, 388],
  reboot: [169, 142, 88],
  swapon: [167, 224, 87],
  swapoff: [168, 225, 115],
  acct: [163, 89, 51],
  syslog: [103, 116, 103],
  personality: [135, 92, 136],
  vhangup: [153, 58, 111],
  iopl: [172, null, null],
  ioperm: [173, null, null],
  settimeofday: [164, 170, 79],
  clock_settime: [227, 112, 262],
  clock_settime64: [null, null, 404],
  clock_adjtime: [305, 266, 372],
  clock_adjtime64: [null, null, 405],
  adjtimex: [159, 171, 124],
  sethostname: [170, 161, 74],
  setdomainname: [171, 162, 121],
  // Who we are, and in which namespaces.
  setns: [308, 268, 375],
  unshare: [272, 97, 337],
  setuid: [105, 146, 23],
  setgid: [106, 144, 46],
  setreuid: [113, 145, 70],
  setregid: [114, 143, 71],
  setresuid: [117, 147, 164],
  setresgid: [119, 149, 170],
  setgroups: [116, 159, 81],
  setfsuid: [122, 151, 138],
  setfsgid: [123, 152, 139],
  setuid32: [null, null, 213],
  setgid32: [null, null, 214],
  setreuid32: [null, null, 203],
  setregid32: [null, null, 204],
  setresuid32: [null, null, 208],
  setresgid32: [null, null, 210],
  setgroups32: [null, null, 206],
  keyctl: [250, 219, 311],
  add_key: [248, 217, 309],
  request_key: [249, 218, 310],
};

const COLUMN: Readonly<Record<SystemCallArch, 0 | 1 | 2>> = { x64: 0, arm64: 1, arm: 2 };

export function numberOf(numbers: Numbers, arch: SystemCallArch): number | null {
  return numbers[COLUMN[arch]];
}

/** The numbers that `arch` has of a table. */
export function numbersOf(table: Readonly<Record<string, Numbers>>, arch: SystemCallArch): number[] {
  return Object.values(table).flatMap((numbers) => numberOf(numbers, arch) ?? []);
}
