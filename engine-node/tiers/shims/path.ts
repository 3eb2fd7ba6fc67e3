// require('path'), of the POSIX kind: inside an isolate there is one root and no drive.

const isAbsolute = (path: string): boolean => path.startsWith('/')

function segmentsOf(path: string, absolute: boolean): string[] {
  const out: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue
    if (segment !== '..') out.push(segment)
    else if (out.length > 0 && out.at(-1) !== '..') out.pop()
    else if (!absolute) out.push('..')
  }
  return out
}

function normalize(path: string): string {
  if (path === '') return '.'
  const absolute = isAbsolute(path)
  const body = segmentsOf(path, absolute).join('/')
  const end = path.endsWith('/') && body !== '' ? '/' : ''
  return `${absolute ? '/' : ''}${body}${end}` || (path.endsWith('/') ? './' : '.')
}

const join = (...parts: string[]): string => normalize(parts.filter(part => part !== '').join('/'))

function resolve(...parts: string[]): string {
  let path = ''
  for (const part of parts.toReversed()) {
    if (part === '') continue
    path = path === '' ? part : `${part}/${path}`
    if (isAbsolute(part)) break
  }
  return `/${segmentsOf(`/${path}`, true).join('/')}`
}

function parse(path: string): { root: string; dir: string; base: string; ext: string; name: string } {
  const root = isAbsolute(path) ? '/' : ''
  const trimmed = path.replace(/(?<=[^/])\/+$/, '')
  const slash = trimmed.lastIndexOf('/')
  const base = trimmed.slice(slash + 1)
  const dot = base.lastIndexOf('.')
  const ext = dot <= 0 || base === '..' ? '' : base.slice(dot)
  const dir = slash < 0 ? '' : trimmed.slice(0, slash).replace(/(?<=[^/])\/+$/, '') || root
  return { root, dir, base, ext, name: ext === '' ? base : base.slice(0, -ext.length) }
}

const dirname = (path: string): string => parse(path).dir || '.'

function basename(path: string, suffix = ''): string {
  const { base } = parse(path)
  return suffix !== '' && base !== suffix && base.endsWith(suffix) ? base.slice(0, -suffix.length) : base
}

function relative(from: string, to: string): string {
  const [start, end] = [segmentsOf(resolve(from), true), segmentsOf(resolve(to), true)]
  let shared = 0
  while (shared < start.length && start[shared] === end[shared]) shared += 1
  return [...start.slice(shared).map(() => '..'), ...end.slice(shared)].join('/')
}

function format({ dir, root = '', base, name = '', ext = '' }: Partial<ReturnType<typeof parse>>): string {
  const file = base ?? `${name}${ext === '' || ext.startsWith('.') ? ext : `.${ext}`}`
  const folder = dir ?? root
  return folder === '' ? file : folder === root ? `${folder}${file}` : `${folder}/${file}`
}

const posix = {
  sep: '/',
  delimiter: ':',
  basename,
  dirname,
  extname: (path: string) => parse(path).ext,
  format,
  isAbsolute,
  join,
  normalize,
  parse,
  relative,
  resolve,
  toNamespacedPath: (path: string) => path,
}

export const path: typeof posix & { posix: unknown } = Object.assign(posix, { posix })
