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
  'stream',
  'stream/promises',
  'string_decoder',
  'timers',
  'timers/promises',
  'url',
  'util',
  'zlib',
] as const
export type IsolateModule = (typeof isolateModules)[number]

/** Those of them whose code comes when it is asked for. */
export const libraryModules = ['stream', 'zlib'] as const satisfies readonly IsolateModule[]
export type LibraryModule = (typeof libraryModules)[number]

const REQUIRED = /\b(?:require|import)\s*\(\s*(['"`])([^'"`\n]+)\1/g
/** Bounded, as each `import` would else be read to the end of a stranger's megabytes. */
const IMPORTED = /(?:^|[;}\n])[ \t\r]*(?:import|export)\b[^'"`;()]{0,2000}?(['"])([^'"\n]+)\1/g

/** Not by an expression: one that finds no end of a comment would look for it again from each beginning. */
function withoutBlocks(source: string): string {
  let kept = ''
  let from = 0
  for (;;) {
    const start = source.indexOf('/*', from)
    const end = start === -1 ? -1 : source.indexOf('*/', start + 2)
    if (end === -1) return kept + source.slice(from)
    kept += source.slice(from, start)
    from = end + 2
  }
}

const withoutComments = (source: string) => withoutBlocks(source).replaceAll(/(^|\s)\/\/.*$/gm, '$1')

/**
 * The modules that source code asks for by name and that are not in `available`, sorted: for the installer to say before
 * anything of the plugin runs. A name that is put together at run time is not seen, and fails by itself then.
 */
export function missingModules(source: string, available: readonly string[] = isolateModules): string[] {
  const code = withoutComments(source)
  const asked = [...code.matchAll(REQUIRED), ...code.matchAll(IMPORTED)].map(match => match[2] ?? '')
  const names = asked
    .filter(name => !/^(\.{1,2}(\/|$)|\/)/.test(name))
    .map(name => name.replace(/^node:/, ''))
  return [...new Set(names)].filter(name => !available.includes(name)).sort()
}

/** True for source that only an ES module may have. */
export const isEsModule = (source: string): boolean =>
  /^[ \t]*(?:import\s{0,99}[\w*{'"]|export\s{1,99}(?:default|const|let|function|class|async|\{|\*))/m.test(
    withoutBlocks(source),
  )

/** What an isolate lacks for these files of code: names of modules, and imports while the plugin runs. */
export function isolateGaps(files: Readonly<Record<string, string>>): string[] {
  const sources = Object.entries(files).filter(([path]) => !path.endsWith('.json'))
  const gaps = new Set(sources.flatMap(([, source]) => missingModules(source)))
  if (sources.some(([, source]) => /\bimport\s*\(/.test(withoutComments(source)))) gaps.add('dynamic import')
  return [...gaps].sort()
}
