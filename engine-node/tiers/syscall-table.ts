// The calls of the Linux kernel that no guest needs, with their numbers by processor (asm/unistd_64.h and asm-generic/unistd.h).
// What is not named stays allowed, so that a new Node does not stop on a call that nobody here has heard of.

export const machines = {
  // AUDIT_ARCH_*: a call by the numbers of another processor would pass a filter that only knows these.
  x64: { audit: 0xc000_003e, clone: 56 },
  arm64: { audit: 0xc000_00b7, clone: 220 },
} as const
export type MachineName = keyof typeof machines

/** Answered as if the kernel did not know them: those who ask then do it the older way. */
export const UNKNOWN = 38
/** Not permitted. */
export const REFUSED = 1

type Row = readonly [x64: number | null, arm64: number | null, answer: number]

/** null where a processor has no such call. */
export const refusedCalls: Readonly<Record<string, Row>> = {
  // Processes. `clone` is looked at by itself: threads are made with it. Its successor hides its flags in memory.
  clone3: [435, 435, UNKNOWN],
  fork: [57, null, REFUSED],
  vfork: [58, null, REFUSED],
  execveat: [322, 281, REFUSED],
  // Other processes, and this one by the means of debuggers.
  ptrace: [101, 117, REFUSED],
  process_vm_readv: [310, 270, REFUSED],
  process_vm_writev: [311, 271, REFUSED],
  process_madvise: [440, 440, REFUSED],
  kcmp: [312, 272, REFUSED],
  pidfd_open: [434, 434, REFUSED],
  pidfd_getfd: [438, 438, REFUSED],
  pidfd_send_signal: [424, 424, REFUSED],
  // Namespaces and mounts: a user namespace of its own would give back every capability in it.
  unshare: [272, 97, REFUSED],
  setns: [308, 268, REFUSED],
  chroot: [161, 51, REFUSED],
  pivot_root: [155, 41, REFUSED],
  mount: [165, 40, REFUSED],
  umount2: [166, 39, REFUSED],
  move_mount: [429, 429, REFUSED],
  mount_setattr: [442, 442, REFUSED],
  open_tree: [428, 428, REFUSED],
  fsopen: [430, 430, REFUSED],
  fsconfig: [431, 431, REFUSED],
  fsmount: [432, 432, REFUSED],
  fspick: [433, 433, REFUSED],
  name_to_handle_at: [303, 264, REFUSED],
  open_by_handle_at: [304, 265, REFUSED],
  // Sockets: the namespace has no network, but some families reach past it (AF_VSOCK) or deep into the kernel (AF_ALG).
  socket: [41, 198, REFUSED],
  // Parts of the kernel with a history.
  bpf: [321, 280, REFUSED],
  perf_event_open: [298, 241, REFUSED],
  userfaultfd: [323, 282, REFUSED],
  add_key: [248, 217, REFUSED],
  request_key: [249, 218, REFUSED],
  keyctl: [250, 219, REFUSED],
  io_uring_setup: [425, 425, UNKNOWN],
  io_uring_enter: [426, 426, UNKNOWN],
  io_uring_register: [427, 427, UNKNOWN],
  splice: [275, 76, REFUSED],
  tee: [276, 77, REFUSED],
  vmsplice: [278, 75, REFUSED],
  fanotify_init: [300, 262, REFUSED],
  modify_ldt: [154, null, REFUSED],
  personality: [135, 92, REFUSED],
  move_pages: [279, 239, REFUSED],
  migrate_pages: [256, 238, REFUSED],
  // Memory behind a descriptor, which the memory of a process does not show.
  memfd_create: [319, 279, REFUSED],
  memfd_secret: [447, 447, REFUSED],
  // The machine itself. These need capabilities that a guest does not have; they stand here for the day that one is lent.
  acct: [163, 89, REFUSED],
  adjtimex: [159, 171, REFUSED],
  clock_adjtime: [305, 266, REFUSED],
  clock_settime: [227, 112, REFUSED],
  settimeofday: [164, 170, REFUSED],
  delete_module: [176, 106, REFUSED],
  init_module: [175, 105, REFUSED],
  finit_module: [313, 273, REFUSED],
  ioperm: [173, null, REFUSED],
  iopl: [172, null, REFUSED],
  kexec_load: [246, 104, REFUSED],
  kexec_file_load: [320, 294, REFUSED],
  quotactl: [179, 60, REFUSED],
  quotactl_fd: [443, 443, REFUSED],
  reboot: [169, 142, REFUSED],
  swapon: [167, 224, REFUSED],
  swapoff: [168, 225, REFUSED],
  syslog: [103, 116, REFUSED],
  vhangup: [153, 58, REFUSED],
}
