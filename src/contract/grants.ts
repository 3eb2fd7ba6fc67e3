// What a plugin may ask for beyond permissions, and what the operator confirmed of it. Asks and grants have one shape, so that
// confirming is sending back what was asked. A plugin starts only when both are equal.
import * as v from 'valibot'
import { defaultModules, isGrantableModule, moduleRoot } from './plugin-modules.ts'

/** Heap and buffers of one plugin in MiB, and processor time of one call, where its manifest asks for nothing else. */
export const DEFAULT_MEMORY_MB = 64
export const DEFAULT_CPU_MS = 5_000

const shown = (value: string) => JSON.stringify(value).slice(0, 80)

/** Names that configure Node and the loader of programs rather than a plugin; they could undo the sandbox from inside. */
const isLoaderName = (name: string) => /^(NODE_|LD_|DYLD_|BASH_|UV_|OPENSSL_|SSL_|PATH$|IFS$)/i.test(name)

/** Absolute, and written in the one way that there is: no `.`, `..`, doubled slashes or a slash at the end. */
const isPlainPath = (path: string) =>
  path.length <= 1_024 &&
  !/[\u0000-\u001f\u007f]/.test(path) &&
  /^(\/[^/]+)+$/.test(path) &&
  !path.split('/').some(part => part === '.' || part === '..')

/** The schemas of what can be asked for; `text` says how a field is called where it stands. */
const askSchemas = (text: (field: string) => string) => {
  const whole = (field: string, min: number, max: number) => {
    const message = `${text(field)} must be a whole number from ${min} to ${max}`
    return v.pipe(v.number(message), v.integer(message), v.minValue(min, message), v.maxValue(max, message))
  }
  const names = (field: string, isName: (name: string) => boolean, what: string) =>
    v.pipe(
      v.array(
        v.pipe(
          v.string(`${text(field)} must be an array of strings`),
          v.check(isName, issue => `${text(field)} holds ${shown(issue.input)}, which ${what}`),
        ),
        `${text(field)} must be an array of strings`,
      ),
      v.maxLength(64, `${text(field)} has more than 64 entries`),
    )
  const isEnvName = (name: string) => /^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name) && !isLoaderName(name)
  return {
    memoryMb: whole('limits.memoryMb', 16, 512),
    cpuMs: whole('limits.cpuMs', 10, 30_000),
    env: names('env', isEnvName, 'a plugin cannot have'),
    read: names('filesystem.read', isPlainPath, 'is not a plain absolute path'),
    write: names('filesystem.write', isPlainPath, 'is not a plain absolute path'),
    modules: names('modules', isGrantableModule, 'no plugin may have'),
  }
}

const asked = askSchemas(field => `manifest.json ${field}`)

/** The fields of a manifest that ask; absent and null mean nothing. Objects drop what they do not know. */
export const askFields = {
  limits: v.nullish(
    v.object(
      { memoryMb: v.nullish(asked.memoryMb), cpuMs: v.nullish(asked.cpuMs) },
      'manifest.json limits must be an object',
    ),
  ),
  env: v.nullish(asked.env),
  filesystem: v.nullish(
    v.object(
      { read: v.nullish(asked.read), write: v.nullish(asked.write) },
      'manifest.json filesystem must be an object',
    ),
  ),
  modules: v.nullish(asked.modules),
  sandboxed: v.nullish(v.boolean('manifest.json sandboxed must be true or false')),
} as const

const given = askSchemas(field => field)

/** The asks as a body or a policy confirms them: the same fields, and nothing else. */
export const Grants = v.strictObject({
  limits: v.optional(
    v.strictObject({ memoryMb: v.optional(given.memoryMb), cpuMs: v.optional(given.cpuMs) }),
  ),
  env: v.optional(given.env),
  filesystem: v.optional(v.strictObject({ read: v.optional(given.read), write: v.optional(given.write) })),
  modules: v.optional(given.modules),
  sandboxed: v.optional(v.literal(false, 'sandboxed can only be false')),
})
export type Grants = v.InferOutput<typeof Grants>

const AskingManifest = v.object(askFields)
export type AskingManifest = v.InferOutput<typeof AskingManifest>

/** What needs a confirmation of all that a manifest asks: limits below the default and default modules do not. */
export function asksOf({ limits, env, filesystem, modules, sandboxed }: AskingManifest): Grants {
  const { memoryMb, cpuMs } = limits ?? {}
  return grantsOf([
    ...((memoryMb ?? 0) > DEFAULT_MEMORY_MB ? [`limits.memoryMb ${memoryMb}`] : []),
    ...((cpuMs ?? 0) > DEFAULT_CPU_MS ? [`limits.cpuMs ${cpuMs}`] : []),
    ...(env ?? []).map(name => `env ${name}`),
    ...(filesystem?.read ?? []).map(path => `filesystem.read ${path}`),
    ...(filesystem?.write ?? []).map(path => `filesystem.write ${path}`),
    ...(modules ?? [])
      .map(moduleRoot)
      .filter(name => !defaultModules.some(known => known === name))
      .map(name => `modules ${name}`),
    ...(sandboxed === false ? ['sandboxed false'] : []),
  ])
}

/** Each single thing in it as one line: `env NAME`, `limits.memoryMb 128`. Sets of lines are what is compared. */
export function linesOf(grants: Grants): string[] {
  const { limits, env, filesystem, modules, sandboxed } = grants
  return [
    ...(limits?.memoryMb === undefined ? [] : [`limits.memoryMb ${limits.memoryMb}`]),
    ...(limits?.cpuMs === undefined ? [] : [`limits.cpuMs ${limits.cpuMs}`]),
    ...(env ?? []).map(name => `env ${name}`),
    ...(filesystem?.read ?? []).map(path => `filesystem.read ${path}`),
    ...(filesystem?.write ?? []).map(path => `filesystem.write ${path}`),
    ...(modules ?? []).map(name => `modules ${moduleRoot(name)}`),
    ...(sandboxed === false ? ['sandboxed false'] : []),
  ]
}

/** What is in the first and not in the second. */
export function lacking(wanted: Grants, given: Grants | null): string[] {
  const has = new Set(linesOf(given ?? {}))
  return linesOf(wanted).filter(line => !has.has(line))
}

/** The way back from lines: each once, in order, and no empty list in it. */
export function grantsOf(lines: readonly string[]): Grants {
  const of = (name: string) => [
    ...new Set(lines.filter(line => line.startsWith(`${name} `)).map(line => line.slice(name.length + 1))),
  ]
  const [memoryMb] = of('limits.memoryMb').map(Number)
  const [cpuMs] = of('limits.cpuMs').map(Number)
  const [env, read, write, modules] = ['env', 'filesystem.read', 'filesystem.write', 'modules'].map(of) as [
    string[],
    string[],
    string[],
    string[],
  ]
  const limits = { ...(memoryMb && { memoryMb }), ...(cpuMs && { cpuMs }) }
  const filesystem = { ...(read.length > 0 && { read }), ...(write.length > 0 && { write }) }
  return {
    ...(Object.keys(limits).length > 0 && { limits }),
    ...(env.length > 0 && { env }),
    ...(Object.keys(filesystem).length > 0 && { filesystem }),
    ...(modules.length > 0 && { modules }),
    ...(lines.includes('sandboxed false') && { sandboxed: false as const }),
  }
}

/** What a plugin gets to run with: its grants, or the default of each. */
export interface Powers {
  memoryMb: number
  cpuMs: number
  env: readonly string[]
  filesystem: { read: readonly string[]; write: readonly string[] }
  /** Node's modules that it may have, the default ones included. */
  modules: readonly string[]
}

/** `limits` below the default need no confirmation, so they are the manifest's own. */
export function powersOf(grants: Grants, manifest: AskingManifest): Powers {
  const own = manifest.limits ?? {}
  const read = grants.filesystem?.read ?? []
  const write = grants.filesystem?.write ?? []
  return {
    memoryMb: grants.limits?.memoryMb ?? Math.min(own.memoryMb ?? DEFAULT_MEMORY_MB, DEFAULT_MEMORY_MB),
    cpuMs: grants.limits?.cpuMs ?? Math.min(own.cpuMs ?? DEFAULT_CPU_MS, DEFAULT_CPU_MS),
    env: grants.env ?? [],
    filesystem: { read, write },
    modules: [
      ...defaultModules,
      ...(grants.modules ?? []),
      // Paths without the module that opens them would be a grant of nothing.
      ...(read.length + write.length > 0 && !grants.modules?.includes('fs') ? ['fs'] : []),
    ],
  }
}
