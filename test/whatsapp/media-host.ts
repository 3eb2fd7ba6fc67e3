// The server that files are uploaded to and downloaded from, over TLS on loopback, and what may go wrong with it. Knows
// no keys: to it a file is bytes under a path.
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createRecorder, type Recorder } from './recorder.ts'
import type { Timers } from './timers.ts'
import { createTlsAuthority } from './tls-authority.ts'

const HOST = '127.0.0.1'
/** How finely a slow download is dealt out. */
const STROKES_PER_SECOND = 20

export type DownloadFault =
  /** Refused with this status; 404 and 410 are those of a file that was dropped. */
  | { readonly status: number }
  | { readonly bytesPerSecond: number }
  /** The connection is reset after so many bytes. */
  | { readonly cutAfter: number }
  /** It ends in order, as if it were whole, but so many bytes early. */
  | { readonly shortBy: number }
  /** Nothing more comes after so many bytes, and the connection stays open. */
  | { readonly stallAfter: number }
  /** The byte at this place is another one. */
  | { readonly wrongByteAt: number }

export type UploadFault = { readonly status: number } | { readonly stall: true }

export interface Transfer {
  readonly direction: 'up' | 'down'
  readonly path: string
  /** The status that was answered. */
  readonly status: number
  readonly bytes: number
}

export interface MediaHost extends AsyncDisposable {
  /** `host:port` */
  readonly host: string
  /** The certificate to trust, as PEM. */
  readonly ca: string
  /** What uploads have to say to be let in. */
  readonly auth: string
  /** Gives the path under which a file now lies. */
  store(file: Buffer): string
  read(path: string): Buffer | undefined
  /** Lets downloads of a path go wrong, until told undefined. */
  fault(path: string, fault: DownloadFault | undefined): void
  /** Lets all uploads go wrong, until told undefined. */
  uploadFault: UploadFault | undefined
  /** Makes a path that has no key to it, for pictures. */
  publish(file: Buffer): string
  readonly transfers: Recorder<Transfer>
  /** Connections that were made to it, whatever for. */
  readonly connections: number
}

const withoutQuery = (path: string) => path.split('?')[0] ?? ''

/** As uploads name a file: the hash of what is uploaded. */
const nameOf = (file: Buffer) => createHash('sha256').update(file).digest('base64url')

function slow(response: ServerResponse, file: Buffer, bytesPerSecond: number, timers: Timers): void {
  const stroke = Math.max(1, Math.floor(bytesPerSecond / STROKES_PER_SECOND))
  const deal = (from: number): unknown => {
    if (response.destroyed) return undefined
    if (from >= file.length) return response.end()
    response.write(file.subarray(from, from + stroke))
    return timers.after(1000 / STROKES_PER_SECOND, () => deal(from + stroke))
  }
  deal(0)
}

function withWrongByte(file: Buffer, at: number): Buffer {
  const wrong = Buffer.from(file)
  wrong[at]! ^= 0xff
  return wrong
}

function send(
  response: ServerResponse,
  file: Buffer,
  fault: DownloadFault | undefined,
  timers: Timers,
): void {
  if (!fault || 'status' in fault) response.end(file)
  else if ('bytesPerSecond' in fault) slow(response, file, fault.bytesPerSecond, timers)
  else if ('shortBy' in fault) response.end(file.subarray(0, -fault.shortBy))
  else if ('stallAfter' in fault) response.write(file.subarray(0, fault.stallAfter))
  else if ('cutAfter' in fault) response.write(file.subarray(0, fault.cutAfter), () => response.destroy())
  else response.end(withWrongByte(file, fault.wrongByteAt))
}

/** Starts the server. */
export async function createMediaHost({ timers }: { timers: Timers }): Promise<MediaHost> {
  const { ca, key, cert } = createTlsAuthority()
  const files = new Map<string, Buffer>()
  const faults = new Map<string, DownloadFault>()
  const transfers = createRecorder<Transfer>({
    what: 'transfers',
    describe: ({ direction, path, status }) => `${direction} ${path} ${status}`,
  })

  async function upload(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part)
    const file = Buffer.concat(parts)
    const answer = (status: number, body: object = {}) => {
      transfers.add({ direction: 'up', path: url.pathname, status, bytes: file.length })
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    }
    const fault = host.uploadFault
    if (fault && 'stall' in fault) return
    if (fault) return answer(fault.status)
    if (url.searchParams.get('auth') !== host.auth) return answer(401)
    // The name is the hash of what comes, or something was lost.
    if (url.pathname.split('/').at(-1)?.replace(/=+$/, '') !== nameOf(file)) return answer(400)
    const path = host.store(file)
    answer(200, { url: `https://${host.host}${path}`, direct_path: path })
  }

  function download(request: IncomingMessage, response: ServerResponse, path: string): void {
    const file = files.get(path)
    const fault = faults.get(path)
    const answer = (status: number, headers: Record<string, string | number> = {}, bytes = 0) => {
      transfers.add({ direction: 'down', path, status, bytes })
      return response.writeHead(status, headers)
    }
    const refusal = fault && 'status' in fault ? fault.status : file ? undefined : 404
    if (!file || refusal !== undefined) {
      answer(refusal ?? 404).end()
      return
    }
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
    if (range) {
      const start = Number(range[1])
      const end = Math.min(range[2] ? Number(range[2]) : file.length - 1, file.length - 1)
      const part = file.subarray(start, end + 1)
      const headers = {
        'content-range': `bytes ${start}-${end}/${file.length}`,
        'content-length': part.length,
      }
      send(answer(206, headers, part.length), part, fault, timers)
      return
    }
    const length = fault && 'shortBy' in fault ? file.length - fault.shortBy : file.length
    send(answer(200, { 'content-length': length }, file.length), file, fault, timers)
  }

  const server = createServer({ key, cert }, (request, response) => {
    const url = new URL(request.url ?? '/', `https://${HOST}`)
    // A client that goes away in the middle is no failure of the server.
    if (request.method === 'POST') upload(request, response, url).catch(() => response.destroy())
    else download(request, response, url.pathname)
  })
  let connections = 0
  server.on('connection', () => {
    connections += 1
  })
  server.listen(0, HOST)
  await once(server, 'listening')

  const host: MediaHost = {
    host: `${HOST}:${(server.address() as AddressInfo).port}`,
    ca,
    auth: randomBytes(12).toString('base64'),
    store(file) {
      const path = `/v/t62.7118-24/${randomBytes(8).toString('hex')}.enc`
      files.set(path, file)
      // Real paths carry a signature and an end date, and a client has to keep them.
      return `${path}?ccb=11-4&oh=01_${randomBytes(4).toString('hex')}&oe=FFFFFFFF`
    },
    publish(file) {
      const path = `/v/t61.24694-24/${randomBytes(8).toString('hex')}.jpg`
      files.set(path, file)
      return path
    },
    read: path => files.get(withoutQuery(path)),
    fault(path, fault) {
      if (fault) faults.set(withoutQuery(path), fault)
      else faults.delete(withoutQuery(path))
    },
    uploadFault: undefined,
    transfers,
    get connections() {
      return connections
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return host
}
