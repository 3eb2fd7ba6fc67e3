// Which of Node's modules an isolate has, and what a plugin needs beyond them.

/** The names that `require` knows in an isolate, without `node:`. */
export const isolateModules = [
  'assert',
  'assert/strict',
  'buffer',
  'crypto',
  'events',
  'path',
  'path/posix',
  'process',
  'querystring',
  'string_decoder',
  'timers',
  'timers/promises',
  'url',
  'util',
] as const
export type IsolateModule = (typeof isolateModules)[number]

const REQUIRED = /\b(?:require|import)\s*\(\s*(['"`])([^'"`\n]+)\1/g
const IMPORTED = /(?:^|[;}\n])\s*(?:import|export)\b[^'"`;()]*?(['"])([^'"\n]+)\1/g

/**
 * The modules that source code asks for by name and that are not in `available`, sorted: for the installer to say before
 * anything of the plugin runs. A name that is put together at run time is not seen, and fails by itself then.
 */
export function missingModules(source: string, available: readonly string[] = isolateModules): string[] {
  const code = source.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|\s)\/\/.*$/gm, '$1')
  const asked = [...code.matchAll(REQUIRED), ...code.matchAll(IMPORTED)].map(match => match[2] ?? '')
  const names = asked
    .filter(name => !/^(\.{1,2}(\/|$)|\/)/.test(name))
    .map(name => name.replace(/^node:/, ''))
  return [...new Set(names)].filter(name => !available.includes(name)).sort()
}

/** True for source that only an ES module may have; an isolate loads CommonJS. */
export const isEsModule = (source: string): boolean =>
  /^\s*(?:import\s*[\w*{'"]|export\s+(?:default|const|let|function|class|async|\{|\*))/m.test(
    source.replaceAll(/\/\*[\s\S]*?\*\//g, ''),
  )

/** What an isolate lacks for these files of code: names of modules, and a word for what it cannot load at all. */
export function isolateGaps(files: Readonly<Record<string, string>>): string[] {
  const sources = Object.entries(files).filter(([path]) => !path.endsWith('.json'))
  const gaps = new Set(sources.flatMap(([, source]) => missingModules(source)))
  if (sources.some(([path, source]) => path.endsWith('.mjs') || isEsModule(source))) gaps.add('ES modules')
  return [...gaps].sort()
}
