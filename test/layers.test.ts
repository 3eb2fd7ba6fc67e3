// Who may import whom (ARCHITECTURE.md, "Layers"). The rule that a line breaks is named in the failure.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

interface Layer {
  files: RegExp
  /** Modules of the project, as paths from its root, that these files may import besides their own layer. */
  project: RegExp
  /** Packages and built-ins. */
  packages: RegExp
  /** Whether an `import()` of what is only known at run time belongs here. */
  loadsPlugins?: boolean
}

/** First match counts. Tests may reach further than the code beside them. */
const layers: readonly Layer[] = [
  { files: /^plugins\/[^/]+\//, project: /^src\/contract\/plugin\.ts$/, packages: /^node:(buffer|crypto)$/ },
  { files: /^src\/contract\//, project: /^src\/contract\//, packages: /^valibot$/ },
  {
    files: /^src\/db\//,
    project: /^src\/(contract|db)\//,
    packages: /^(valibot|drizzle-orm(\/sqlite-core)?)$/,
  },
  { files: /^src\/webhooks\//, project: /^src\/(contract|db|webhooks)\//, packages: /^valibot$/ },
  {
    files: /^src\/(api|engine-client)\//,
    project: /^src\/(contract|db|webhooks|api|engine-client)\//,
    packages: /^(valibot|hono(\/.+)?|@valibot\/to-json-schema|drizzle-orm)$/,
  },
  {
    files: /^src\/edge\//,
    project: /^src\//,
    packages: /^(hono|valibot|drizzle-orm\/.+|@libsql\/client\/web)$/,
  },
  { files: /^engine-node\/main\.ts$/, project: /./, packages: /./ },
  // The guest runs inside a plugin's process, where nothing of the host is. It shares the wire with it, and no more.
  {
    files: /^engine-node\/guest\//,
    project: /^(engine-node\/(guest|rpc)\/|engine-node\/clock\.ts$|src\/contract\/)/,
    packages: /^(node:(async_hooks|module|net|worker_threads|url|buffer)|valibot)$/,
    loadsPlugins: true,
  },
  {
    files: /^engine-node\/tiers\/isolate-host\//,
    project: /^(src|engine-node)\//,
    packages: /^(node:.+|valibot|isolated-vm)$/,
  },
  // What runs in an isolate, where there is nothing of Node.
  {
    files: /^engine-node\/tiers\/shims\//,
    project: /^(engine-node\/(guest|rpc|tiers\/shims)\/|src\/contract\/)/,
    packages: /^$/,
  },
  // Modules of Node for isolates, made of packages. They run there and nowhere else.
  {
    files: /^engine-node\/tiers\/isolate-libraries\//,
    project: /^engine-node\/tiers\/isolate-libraries\//,
    packages: /^(node:stream|pako)$/,
  },
  {
    files: /^engine-node\/sessions\//,
    project: /^(src|engine-node)\//,
    packages: /^(node:.+|valibot|drizzle-orm|baileys(\/lib\/Utils\/tc-token-utils\.js)?|qrcode|pino|undici)$/,
  },
  {
    files: /^engine-node\/store\//,
    project: /^(src|engine-node)\//,
    packages: /^(node:.+|valibot|drizzle-orm(\/.+)?|@libsql\/client(\/web)?)$/,
  },
  {
    files: /^engine-node\/tiers\//,
    project: /^(src|engine-node)\//,
    packages: /^(node:.+|valibot|esbuild)$/,
  },
  { files: /^engine-node\/net\//, project: /^(src|engine-node)\//, packages: /^(node:.+|valibot|undici)$/ },
  {
    files: /^engine-node\/(server|web-socket)\.ts$/,
    project: /^(src|engine-node)\//,
    packages: /^(node:.+|valibot|hono(\/.+)?|@hono\/node-server(\/.+)?|ws)$/,
  },
  { files: /^engine-node\/log\.ts$/, project: /^src\//, packages: /^pino$/ },
  {
    files: /^engine-node\//,
    project: /^(src|engine-node)\//,
    packages: /^(node:.+|valibot|drizzle-orm|jszip|qrcode)$/,
  },
]

function sourcesUnder(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map(file => `${folder}/${file}`.replaceAll('\\', '/'))
    .filter(file => file.endsWith('.ts') && !/\.(test|fixtures|d)\.ts$/.test(file))
}

/** Specifiers of static imports, re-exports and `import()`; a computed `import()` counts as the specifier `*`. */
function importsOf(source: string): string[] {
  const code = source.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '')
  const patterns = [
    /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*(['"])([^'"\n]+)\1/gm,
    /^\s*import\s*(['"])([^'"\n]+)\1/gm,
    /\b(?:import|require)\s*\(\s*(['"])([^'"\n]+)\1/g,
  ]
  const fixed = patterns.flatMap(pattern => [...code.matchAll(pattern)].map(match => match[2] ?? ''))
  return /\bimport\(\s*[^'"\s]/.test(code) ? [...fixed, '*'] : fixed
}

const sources = ['src', 'engine-node', 'plugins'].flatMap(sourcesUnder)

describe('layers', () => {
  it('reads imports of every form', () => {
    const source = `import a from 'a'\nimport type { B } from "b"\nexport * from 'c'\nawait import('d')\nimport 'e'\n// from 'f'\nimport(x)`
    expect(importsOf(source).sort()).toEqual(['*', 'a', 'b', 'c', 'd', 'e'])
    expect(importsOf("import {\n  a,\n  b,\n} from 'x'\nconst sql = `delete from 'y'`")).toEqual(['x'])
  })

  it('finds the project', () => expect(sources.length).toBeGreaterThan(20))

  it.each(sources)('%s keeps to its layer', file => {
    const layer = layers.find(({ files }) => files.test(file))
    expect(layer, `no layer has a rule for ${file}`).toBeDefined()
    const broken = importsOf(readFileSync(join(root, file), 'utf8')).filter(specifier => {
      if (specifier === '*') return layer?.loadsPlugins !== true
      if (!specifier.startsWith('.')) return !layer?.packages.test(specifier)
      const target = relative(root, resolve(root, dirname(file), specifier)).replaceAll('\\', '/')
      return dirname(target) !== dirname(file) && !layer?.project.test(target)
    })
    expect(broken, `${file} may not import these`).toEqual([])
  })
})
