// What a guest process may have of the kernel's own things, set before it starts, so that it can lift nothing of it.

/** Open files, pipes and sockets: Node itself and the pipes to the gateway take some thirty of them. */
export const MAX_DESCRIPTORS = 256

/** `limiter` is the path of prlimit from util-linux. Goes before the command; the process is the same one. */
export function limitArguments(limiter: string): string[] {
  return [
    limiter,
    `--nofile=${MAX_DESCRIPTORS}:${MAX_DESCRIPTORS}`,
    // A dump of memory is a file too, and what it holds is the plugin's and its users'.
    '--core=0:0',
  ]
}
