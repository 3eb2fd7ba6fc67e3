// Which of Node's own modules a plugin may have, and under which name.

/** Node's own modules that every plugin may have: none of them reaches anything outside the plugin. */
export const defaultModules = [
  'assert',
  'buffer',
  'crypto',
  'events',
  'path',
  'querystring',
  'stream',
  'string_decoder',
  'timers',
  'url',
  'util',
  'zlib',
] as const

/**
 * Those that a manifest may ask for. Whoever has one is still held by its tier: `net` connects to nothing and `fs` opens what
 * was granted. What is in neither list (child_process, worker_threads, vm, sqlite, inspector, module, …) no plugin gets.
 */
export const grantableModules = [
  'async_hooks',
  'console',
  'constants',
  'diagnostics_channel',
  'dns',
  'fs',
  'http',
  'https',
  'net',
  'os',
  'perf_hooks',
  'process',
  'punycode',
  'readline',
  'tls',
  'tty',
] as const

/** The name that a module is granted under: no `node:`, and without what follows a slash (`fs/promises` is `fs`). */
export const moduleRoot = (specifier: string): string => specifier.replace(/^node:/, '').replace(/\/.*$/s, '')

export const isGrantableModule = (name: string): boolean => {
  const root = moduleRoot(name)
  return [...defaultModules, ...grantableModules].some(known => known === root)
}
